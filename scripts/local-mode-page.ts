import type { FieldRules } from '@ogong/provider/local/field-rules';
import { OLLAMA_FIELDS } from '@ogong/provider/local/ollama/routes';

const HEAD = `# Local mode

Generated from the tables that the server reads (\`node scripts/run.mjs scripts/generated.ts\`).

\`ogong-provider local\` serves the APIs of Ollama and OpenAI on 127.0.0.1:11434, without a network and without an account. Models that were
named with \`--model\` are loaded at once; all others on this machine load when they are asked for, and go \`--keep-alive\` after their last
answer.

No field is ignored in silence. A field **works**, or it is **refused** with status 400 and the reason, or it is **dropped**, because
it changes no answer: then the response header \`x-ogong-ignored\` names it. A field that no table knows is refused. Null counts as absent. A
limit above what the model has is lowered, and the header \`x-ogong-clamped\` says to what.

Web pages may call if they come from this machine, from a desktop app or a browser extension, or from an origin that \`--origin\` names. On a
loopback address the server answers requests to \`localhost\` alone.

## Ollama
`;

/** docs/reference/local-mode.md */
export function formatLocalModePage(): string {
  const sections = Object.entries(OLLAMA_FIELDS).map(([name, rules]) => `### ${name}\n\n${formatRules(rules)}`);
  return `${[HEAD, ...sections].join('\n')}`;
}

function formatRules(rules: FieldRules): string {
  const rows = Object.entries(rules).map(([field, rule]) => {
    const [what, why] = typeof rule === 'string' ? [rule, ''] : ['refused', rule.refused];
    return `| \`${field}\` | ${what} | ${why.replaceAll('|', '\\|')} |\n`;
  });
  return rows.length === 0 ? 'No fields.\n' : `| field | | why |\n|---|---|---|\n${rows.join('')}`;
}
