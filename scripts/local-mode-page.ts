import type { FieldRules } from '@ogong/protocol/modality/shared/field-rules';
import {
  CHAT_PARAMETERS,
  COMPLETION_PARAMETERS,
  ROUTING_PARAMETERS,
  USAGE_PARAMETERS,
} from '@ogong/protocol/modality/text/request/parameters';
import { OLLAMA_FIELDS } from '@ogong/provider/local/ollama/routes';

const HEAD = `# Local mode

Generated from the tables of the server (\`node scripts/run.mjs scripts/generated.ts\`).

\`ogong-provider local\` serves the APIs of Ollama, OpenAI and Anthropic on 127.0.0.1:11434, without a network or an account. Models named with \`--model\` are loaded at the start. Other models of this machine load on request, and are unloaded \`--keep-alive\` after their last answer.

No field is ignored in silence:

| a field | effect |
|---|---|
| works | |
| is refused | status 400 with the reason; unknown fields too |
| is dropped | it changes no answer; the response header \`x-ogong-ignored\` names it |

Null counts as absent. A limit above the model's own is lowered, and the header \`x-ogong-clamped\` states the new value.

The response header \`x-ogong-receipt\` names the [receipt](../spec/local-receipt.md) of every text and vector, for \`ogong verify\` and, with the weights, \`ogong replay\`. The request header \`x-ogong-receipt: inline\` brings the receipt with the answer. The receipt of a broken answer covers the text up to there.

The server's address shows a page in a browser: models with slots and speed, and a chat with the server's own checks of each answer. It needs no other host. Clients that ask \`/\` for anything but HTML read \`Ollama is running\`.

Web pages may call from this machine, from a desktop app or a browser extension, or from an origin named with \`--origin\`. On a loopback address the server answers only requests to \`localhost\`.

## Ollama
`;

const OPENAI = `## OpenAI

The fields are those of a [request to the network](../spec/request.md), with these differences:

- \`max_tokens\` above the model's context is lowered to it. Without it an answer may fill the context.
- In a completion, \`max_tokens\` may be 0 to show only the prompt (\`echo\`). Log-probabilities then include the prompt's.
- \`suffix\` works with models whose file has tokens for it.
- \`GET /v1/models\`, \`GET /v1/models/{id}\`, \`POST /v1/embeddings\` and \`POST /v1/rerank\` ([reranking](../spec/embedding.md#reranking)) work.
- A field that is **ignored** changes no answer by its documentation.

\`POST /v1/responses\` (nothing is stored) and Anthropic's \`POST /v1/messages\`, each with its token count, are [chats in another dialect](../spec/dialects.md). Tested clients: [clients](../clients.md).
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
