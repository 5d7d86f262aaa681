"""The dashboard: static files, which `app.api.dashboard_files` serves as they are."""
