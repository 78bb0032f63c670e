// The theme lets a table that is wider than the page scroll within itself. One that does is reached by the keyboard too, and is called by its headings.
const reach = () => {
  for (const frame of document.querySelectorAll(".md-typeset__scrollwrap")) {
    if (frame.scrollWidth > frame.clientWidth) {
      const headings = [...frame.querySelectorAll("thead th")].map((heading) => heading.textContent.trim()).filter(Boolean);
      frame.tabIndex = 0;
      frame.role = "group";
      frame.ariaLabel = `Table: ${headings.join(", ")}`;
    } else {
      for (const name of ["tabindex", "role", "aria-label"]) frame.removeAttribute(name);
    }
  }
};
addEventListener("load", reach);
addEventListener("resize", reach);
document.addEventListener("toggle", reach, true); // a table in what was folded up has no width before
