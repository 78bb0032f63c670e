"""Published experiments run again: the seam for the plugins that hold them, the driver, the record, and the table."""
