"""What an NGO edits without a programmer, read from CONFIG_DIR, checked, and handed on as typed values."""

from app.configuration.loading import SHIPPED, load_configuration, organisation_names, own_or_shipped
from app.configuration.values import (
    CategoryConfig,
    Configuration,
    ConfigurationError,
    GatewayConfig,
    Indicator,
    OrganisationConfig,
)

__all__ = [
    "SHIPPED",
    "CategoryConfig",
    "Configuration",
    "ConfigurationError",
    "GatewayConfig",
    "Indicator",
    "OrganisationConfig",
    "load_configuration",
    "organisation_names",
    "own_or_shipped",
]
