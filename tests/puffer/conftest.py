from tests.puffer.toy import toy  # noqa: F401  (a fixture)
