"""A small plugin for Elasticsearch: a filter that appends a mark to each token, compiled and zipped here.

It is compiled against stubs of the server's classes, not against its jars: those of version 9 are for Java 21, and an
older javac can't read them. What the stubs have is the same from 6.8 to 9.5.
"""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

_STUBS = {
    "org.elasticsearch.common.settings.Settings": "public class Settings {}",
    "org.elasticsearch.env.Environment": "public class Environment {}",
    "org.elasticsearch.index.IndexSettings": "public class IndexSettings {}",
    "org.elasticsearch.plugins.Plugin": "public abstract class Plugin {}",
    "org.elasticsearch.index.analysis.TokenFilterFactory": """
        public interface TokenFilterFactory {
            String name();
            org.apache.lucene.analysis.TokenStream create(org.apache.lucene.analysis.TokenStream stream);
        }""",
    "org.elasticsearch.indices.analysis.AnalysisModule": """
        public class AnalysisModule {
            public interface AnalysisProvider<T> {
                T get(org.elasticsearch.index.IndexSettings index, org.elasticsearch.env.Environment environment,
                    String name, org.elasticsearch.common.settings.Settings settings) throws java.io.IOException;
            }
        }""",
    "org.elasticsearch.plugins.AnalysisPlugin": """
        import org.elasticsearch.index.analysis.TokenFilterFactory;
        import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
        public interface AnalysisPlugin {
            java.util.Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters();
        }""",
    "org.apache.lucene.util.Attribute": "public interface Attribute {}",
    "org.apache.lucene.util.AttributeSource": """
        public class AttributeSource {
            public final <T extends Attribute> T addAttribute(Class<T> type) { return null; }
        }""",
    "org.apache.lucene.analysis.TokenStream": """
        public abstract class TokenStream extends org.apache.lucene.util.AttributeSource {
            public abstract boolean incrementToken() throws java.io.IOException;
        }""",
    "org.apache.lucene.analysis.TokenFilter": """
        public abstract class TokenFilter extends TokenStream {
            protected final TokenStream input;
            protected TokenFilter(TokenStream input) { this.input = input; }
        }""",
    "org.apache.lucene.analysis.tokenattributes.CharTermAttribute": """
        public interface CharTermAttribute extends org.apache.lucene.util.Attribute {
            CharTermAttribute append(String text);
        }""",
}

_MARKING = """
package example;

import java.io.IOException;
import java.util.Map;
import org.apache.lucene.analysis.TokenFilter;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.tokenattributes.CharTermAttribute;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.AnalysisPlugin;
import org.elasticsearch.plugins.Plugin;

public class Marking extends Plugin implements AnalysisPlugin {
    public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
        return Map.of("marking", (index, environment, name, settings) -> new TokenFilterFactory() {
            public String name() { return name; }
            public TokenStream create(TokenStream stream) { return new Marked(stream); }
        });
    }

    static final class Marked extends TokenFilter {
        private final CharTermAttribute term = addAttribute(CharTermAttribute.class);

        Marked(TokenStream input) { super(input); }

        public boolean incrementToken() throws IOException {
            if (!input.incrementToken()) return false;
            term.append("MARK");
            return true;
        }
    }
}
"""


def plugin_zip(folder: Path, *, version: str, mark: str = "!") -> Path:
    """Write the zip of the plugin for a server's version, and return its path; `mark` is what it appends."""
    sources, classes = folder / "sources", folder / "classes"
    for name, text in {**_STUBS, "example.Marking": _MARKING.replace("MARK", mark)}.items():
        file = sources.joinpath(*name.split(".")).with_suffix(".java")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text if text.startswith("\npackage") else f"package {name.rpartition('.')[0]};{text}")
    _compile(sources, classes)
    zipped = folder / "marking.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.write(_jar(classes), "marking.jar")
        archive.writestr("plugin-descriptor.properties", _descriptor(version))
    return zipped


def _compile(sources: Path, classes: Path) -> None:
    command = shutil.which("javac")
    if command is None:
        pytest.fail("There is no javac. Remedy: install a JDK (Debian, Ubuntu: default-jdk-headless).", pytrace=False)
    files = map(str, sources.rglob("*.java"))
    subprocess.run([command, "--release", "11", "-nowarn", "-d", str(classes), *files], check=True, timeout=60)


def _jar(classes: Path) -> Path:
    """Write a jar of the plugin's own classes, without the stubs."""
    jar = classes / "marking.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        for file in (classes / "example").iterdir():
            archive.write(file, file.relative_to(classes))
    return jar


def _descriptor(version: str) -> str:
    about = {
        "name": "marking",
        "description": "appends a mark to each token",
        "version": "1.0",
        "elasticsearch.version": version,
        "java.version": "11" if version >= "7" else "1.8",
        "classname": "example.Marking",
    }
    return "".join(f"{key}={value}\n" for key, value in about.items())
