import type { FieldRules } from '@ogong/protocol/modality/shared/field-rules';
import {
  CHAT_PARAMETERS,
  COMPLETION_PARAMETERS,
  ROUTING_PARAMETERS,
  USAGE_PARAMETERS,
} from '@ogong/protocol/modality/text/request/parameters';
import { OLLAMA_FIELDS } from '@ogong/provider/local/ollama/routes';

const HEAD = `# Local mode

Generated from the tables that the server reads (\`node scripts/run.mjs scripts/generated.ts\`).

\`ogong-provider local\` serves the APIs of Ollama, OpenAI and Anthropic on 127.0.0.1:11434, without a network and without an account. Models that were
named with \`--model\` are loaded at once; all others on this machine load when they are asked for, and go \`--keep-alive\` after their last
answer.

No field is ignored in silence. A field **works**, or it is **refused** with status 400 and the reason, or it is **dropped**, because
it changes no answer: then the response header \`x-ogong-ignored\` names it. A field that no table knows is refused. Null counts as absent. A
limit above what the model has is lowered, and the header \`x-ogong-clamped\` says to what.

Every text and vector that it answers can be checked: the response header \`x-ogong-receipt\` names its [receipt](../spec/local-receipt.md), for \`ogong verify\` and, with the
weights, \`ogong replay\`. Receipts come by reference; the request header \`x-ogong-receipt: inline\` brings them with the answer.
Of an answer that was broken off it is about what was written by then.

Open the server's address in a browser for a page: the models with their slots and speed, and a chat with the checks of each answer beside it, by the server's word. It
needs no other host. Clients that ask \`/\` for anything but HTML read \`Ollama is running\`, as with Ollama.

Web pages may call if they come from this machine, from a desktop app or a browser extension, or from an origin that \`--origin\` names. On a
loopback address the server answers requests to \`localhost\` alone.

## Ollama
`;

const OPENAI = `## OpenAI

The fields are those of a [request to the network](../spec/request.md), with these differences: \`max_tokens\` above the model's context is lowered to it at every size, and without it an answer may fill the
context; in a completion it may be 0, for a prompt that is only shown (\`echo\`), and log-probabilities are those of the prompt, too. \`suffix\` works with models
whose file has tokens for it. \`GET /v1/models\`, \`GET /v1/models/{id}\`, \`POST /v1/embeddings\` and \`POST /v1/rerank\`
([reranking](../spec/embedding.md#reranking)) work. What is **ignored** is documented to change no answer.

\`POST /v1/responses\`, of which none is stored, and Anthropic's \`POST /v1/messages\`, each with its count of tokens, are [chats in other words](../spec/dialects.md).
Which clients are tested: [clients](../clients.md).
`;

/** docs/reference/local-mode.md */
export function formatLocalModePage(): string {
  const sections = Object.entries(OLLAMA_FIELDS).map(([name, rules]) => `### ${name}\n\n${formatRules(rules)}`);
  const openai = [
    ['POST /v1/chat/completions', CHAT_PARAMETERS],
    ['POST /v1/completions', { ...COMPLETION_PARAMETERS, echo: 'works' }],
    ['The object provider', ROUTING_PARAMETERS],
    ['The object usage', USAGE_PARAMETERS],
  ] as const;
  return [HEAD, ...sections, OPENAI, ...openai.map(([name, rules]) => `### ${name}\n\n${formatRules(rules)}`)].join(
    '\n',
  );
}

function formatRules(rules: FieldRules): string {
  const rows = Object.entries(rules).map(([field, rule]) => {
    const [what, why] = typeof rule === 'string' ? [rule, ''] : ['refused', rule.refused];
    return `| \`${field}\` | ${what} | ${why.replaceAll('|', '\\|')} |\n`;
  });
  return rows.length === 0 ? 'No fields.\n' : `| field | | why |\n|---|---|---|\n${rows.join('')}`;
}
