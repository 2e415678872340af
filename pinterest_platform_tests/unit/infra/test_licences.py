from __future__ import annotations

from pathlib import Path

from infra.local_stack.licences import licences_of

SPACE = 'xmlns="http://maven.apache.org/POM/4.0.0"'
PARENT = "<parent><groupId>org.a</groupId><artifactId>parent</artifactId><version>7</version></parent>"
LICENCE = "<licenses><license><name>The Apache\n   License</name></license></licenses>"


def publish(repository: Path, path: str, content: str) -> Path:
    pom = repository / path
    pom.parent.mkdir(parents=True)
    pom.write_text(content)
    return pom.with_suffix(".jar")


def test_a_pom_without_licences_has_those_of_its_parent(tmp_path: Path) -> None:
    jar = publish(tmp_path, "org/a/a/1/a-1.pom", f"<project {SPACE}>{PARENT}</project>")
    publish(tmp_path, "org/a/parent/7/parent-7.pom", f"<project {SPACE}><groupId>org.a</groupId>{LICENCE}</project>")

    assert licences_of(jar) == ("The Apache License",)


def test_a_jar_without_a_pom_or_with_a_pom_that_says_nothing_has_none(tmp_path: Path) -> None:
    jar = publish(tmp_path, "org/a/a/1/a-1.pom", f"<project {SPACE}><groupId>org.a</groupId></project>")

    assert licences_of(jar) == ()
    assert licences_of(tmp_path / "org/b/b/1/b-1.jar") == ()
