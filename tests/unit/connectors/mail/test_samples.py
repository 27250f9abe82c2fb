from tests.unit.connectors.mail.samples import FOLDER, files

ENDINGS = {".eml", ".txt", ".html", ".json"}


def test_the_samples_in_the_documentation_are_what_is_written():
    written = dict(files())
    assert {path: path.read_bytes() for path in FOLDER.iterdir() if path.suffix in ENDINGS} == written
