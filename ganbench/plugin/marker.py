"""The two pluggy markers of the group ``ganbench``."""

import pluggy

hookspec = pluggy.HookspecMarker("ganbench")
hookimpl = pluggy.HookimplMarker("ganbench")
