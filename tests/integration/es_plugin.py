"""Small plugins for Elasticsearch, compiled and zipped here: token filters, stand-ins, and a script language.

They are compiled against stubs of the server's classes, not against its jars: those of version 9 are for Java 21, and
an older javac can't read them. What the stubs have is the same from 6.8 to 9.5.
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
    "org.elasticsearch.index.analysis.TokenizerFactory": """
        public interface TokenizerFactory {
            String name();
            org.apache.lucene.analysis.Tokenizer create();
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
        import org.elasticsearch.index.analysis.TokenizerFactory;
        import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
        public interface AnalysisPlugin {
            default java.util.Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() { return null; }
            default java.util.Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() { return null; }
        }""",
    "org.elasticsearch.script.ScriptContext": "public final class ScriptContext<F> {}",
    "org.elasticsearch.script.ScriptEngine": """
        public interface ScriptEngine extends java.io.Closeable {
            String getType();
            <F> F compile(String name, String code, ScriptContext<F> context, java.util.Map<String, String> parameters);
            default void close() throws java.io.IOException {}
            java.util.Set<ScriptContext<?>> getSupportedContexts();
        }""",
    "org.elasticsearch.plugins.ScriptPlugin": """
        import org.elasticsearch.script.ScriptContext;
        import org.elasticsearch.script.ScriptEngine;
        public interface ScriptPlugin {
            default ScriptEngine getScriptEngine(org.elasticsearch.common.settings.Settings settings,
                java.util.Collection<ScriptContext<?>> contexts) { return null; }
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
    "org.apache.lucene.analysis.Tokenizer": "public abstract class Tokenizer extends TokenStream {}",
    "org.apache.lucene.analysis.standard.StandardTokenizer": """
        public final class StandardTokenizer extends org.apache.lucene.analysis.Tokenizer {
            public boolean incrementToken() { return false; }
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


_STANDING_IN = """
package example;

import java.util.Map;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.Tokenizer;
import org.apache.lucene.analysis.standard.StandardTokenizer;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.index.analysis.TokenizerFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.AnalysisPlugin;
import org.elasticsearch.plugins.Plugin;

public class StandingIn extends Plugin implements AnalysisPlugin {
    private static final AnalysisProvider<TokenFilterFactory> UNCHANGED =
        (index, environment, name, settings) -> new TokenFilterFactory() {
            public String name() { return name; }
            public TokenStream create(TokenStream stream) { return stream; }
        };

    private static final AnalysisProvider<TokenizerFactory> WORDS =
        (index, environment, name, settings) -> new TokenizerFactory() {
            public String name() { return name; }
            public Tokenizer create() { return new StandardTokenizer(); }
        };

    public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
        return Map.of("pattern_capture", UNCHANGED, "unique", UNCHANGED);
    }

    public Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() {
        return Map.of("uax_url_email", WORDS);
    }
}
"""

_UNSPOKEN = """
package example;

import java.util.Collection;
import java.util.Map;
import java.util.Set;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.plugins.ScriptPlugin;
import org.elasticsearch.script.ScriptContext;
import org.elasticsearch.script.ScriptEngine;

public class Unspoken extends Plugin implements ScriptPlugin {
    public ScriptEngine getScriptEngine(Settings settings, Collection<ScriptContext<?>> contexts) {
        return new ScriptEngine() {
            public String getType() { return "unspoken"; }
            public <F> F compile(String name, String code, ScriptContext<F> context, Map<String, String> parameters) {
                throw new IllegalArgumentException("nothing runs in this language");
            }
            public Set<ScriptContext<?>> getSupportedContexts() { return Set.of(); }
        };
    }
}
"""


def plugin_zip(folder: Path, *, version: str, mark: str = "!") -> Path:
    """Write the zip of the plugin for a server's version, and return its path; `mark` is what it appends."""
    return _zip(folder, "Marking", _MARKING.replace("MARK", mark), version)


def analysis_zip(folder: Path, *, version: str) -> Path:
    """Write the zip of a plugin with what the index of users and keys asks of the module analysis-common.

    The servers of local images lack that module. The words of an e-mail address aren't found by it as they are there.
    """
    return _zip(folder, "StandingIn", _STANDING_IN, version)


def scripts_zip(folder: Path, *, version: str) -> Path:
    """Write the zip of a plugin with the script language `unspoken`, in which scripts can be stored and none runs.

    The servers of local images have no language, and refuse to store a script.
    """
    return _zip(folder, "Unspoken", _UNSPOKEN, version)


def _zip(folder: Path, name: str, source: str, version: str) -> Path:
    sources, classes = folder / "sources", folder / "classes"
    for each, text in {**_STUBS, f"example.{name}": source}.items():
        file = sources.joinpath(*each.split(".")).with_suffix(".java")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text if text.startswith("\npackage") else f"package {each.rpartition('.')[0]};{text}")
    _compile(sources, classes)
    zipped = folder / f"{name.lower()}.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.write(_jar(classes), f"{name.lower()}.jar")
        archive.writestr("plugin-descriptor.properties", _descriptor(name, version))
    return zipped


def _compile(sources: Path, classes: Path) -> None:
    command = shutil.which("javac")
    if command is None:
        pytest.fail("There is no javac. Remedy: install a JDK (Debian, Ubuntu: default-jdk-headless).", pytrace=False)
    files = map(str, sources.rglob("*.java"))
    subprocess.run([command, "--release", "11", "-nowarn", "-d", str(classes), *files], check=True, timeout=60)


def _jar(classes: Path) -> Path:
    """Write a jar of the plugin's own classes, without the stubs."""
    jar = classes / "plugin.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        for file in (classes / "example").iterdir():
            archive.write(file, file.relative_to(classes))
    return jar


def _descriptor(name: str, version: str) -> str:
    about = {
        "name": name.lower(),
        "description": "serves tests",
        "version": "1.0",
        "elasticsearch.version": version,
        "java.version": "11" if version >= "7" else "1.8",
        "classname": f"example.{name}",
    }
    return "".join(f"{key}={value}\n" for key, value in about.items())
