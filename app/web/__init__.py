"""The dashboard: static files, which `app.api.dashboard` serves as they are."""
