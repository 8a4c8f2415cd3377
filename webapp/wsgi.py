"""What gunicorn and the flask command load: the portal."""

from common.logs import configure_logs
from common.settings import read_environment
from webapp.app import create_app
from webapp.settings import PortalSettings

configure_logs("portal")
app = create_app(PortalSettings.read(read_environment()))
