"""The companion outside Jupyter: the explorable page, the site, the dashboard, the animations."""
