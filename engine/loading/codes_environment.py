"""Codes of the environment and of secrets: NSPS4xx."""

from __future__ import annotations

from engine.loading.code import Code

_ALL = (
    Code(
        code="NSPS401",
        title="a variable is not set",
        explanation=(
            "nsps.yaml, an active pipeline or a connector it calls reads a variable that has neither a value nor a default. The "
            "start is refused: a forgotten variable must not drop events. Empty counts as unset. What may be absent says so: "
            "`needs:` turns a pipeline or receiver off, `${NAME:-default}` gives a default."
        ),
        wrong="base_url: ${HSS_URL}    # and HSS_URL is not set",
        right="HSS_URL=https://hss.example nsps run\n# or, in the pipeline:  needs: [HSS_URL]",
    ),
    Code(
        code="NSPS402",
        title="not a reference to the environment",
        explanation=(
            "`${` begins ${NAME}, ${NAME:-default} or ${secret:NAME}, and ends with `}`. A secret has no default: it would stand "
            "in the file. `$${` is the two characters themselves."
        ),
        wrong="base_url: ${HSS_URL\ntoken: ${secret:HSS_TOKEN:-abc}",
        right='base_url: ${HSS_URL}\ntoken: "${secret:HSS_TOKEN}"',
    ),
    Code(
        code="NSPS403",
        title="the environment is not read here",
        explanation=(
            "The environment is read in nsps.yaml and in connectors outside `operations` and `enrichments`, so that one look at "
            "the top of a file shows what it depends on. Name it under `config:` there; a pipeline sees the `config:` of "
            "nsps.yaml, a connector its own."
        ),
        wrong="map:\n  profile: ${DEFAULT_PROFILE}",
        right="map:\n  profile: config.default_profile    # nsps.yaml: config: {default_profile: ${DEFAULT_PROFILE}}",
    ),
    Code(
        code="NSPS404",
        title="a secret stands in the file",
        explanation=(
            "Files are read by many and kept for ever in a repository; a secret comes from the environment or from a file that "
            "NAME_FILE names, and is masked wherever its value appears. Replace what has stood in a shared file."
        ),
        wrong="auth: {kind: bearer, token: s3cr3t}",
        right='auth: {kind: bearer, token: "${secret:HSS_TOKEN}"}',
    ),
    Code(
        code="NSPS405",
        title="the file of a secret cannot be read",
        explanation="`${secret:NAME}` reads the file that NAME_FILE names. It is not there, or this user may not read it.",
        wrong="HSS_TOKEN_FILE=/run/secrets/hss    # owned by root, mode 600",
        right="chmod 640 and the group of the user NSPS runs as, or HSS_TOKEN itself",
    ),
    Code(
        code="NSPS406",
        title="the value of a variable does not fit",
        explanation="The environment gave a value that cannot be used where it stands.",
        wrong="HSS_URL=hss.example:8080",
        right="HSS_URL=https://hss.example:8080",
    ),
    Code(
        code="NSPS407",
        title="a secret read as any other variable",
        explanation=(
            "${NAME} works, but NAME_FILE is not looked for, and who reads the file does not see that this is a secret."
        ),
        wrong='token: "${HSS_TOKEN}"',
        right='token: "${secret:HSS_TOKEN}"',
    ),
)

CODES: dict[str, Code] = {code.code: code for code in _ALL}
