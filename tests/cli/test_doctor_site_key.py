"""`freetheai doctor` and the site's key: the default is for gateways that nobody outside can reach."""

import pytest

from freetheai.cli.doctor import check_site_key
from freetheai.config import Secret, ServerSettings


@pytest.mark.parametrize(
    ("host", "public_url", "site_key", "warns"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080", None, False),
        ("::1", "http://localhost:8080", None, False),
        ("0.0.0.0", "http://127.0.0.1:8080", None, True),
        ("127.0.0.1", "https://api.example.org", None, True),
        ("127.0.0.1", "https://api.example.org", "our-own", False),
    ],
)
def test_the_default_is_told_only_where_others_may_use_it(host, public_url, site_key, warns):
    chosen = {} if site_key is None else {"site_key": Secret(site_key)}
    found = check_site_key(ServerSettings(host=host, public_url=public_url, **chosen))
    assert [(finding.check, finding.state) for finding in found] == ([("site key", "warning")] if warns else [])
