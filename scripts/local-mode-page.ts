import { OLLAMA_FIELDS } from '@ogong/provider/local/ollama/routes';
import { formatRules } from './fields-page.ts';

const HEAD = `# Local mode

Generated from the tables of the server (\`node scripts/run.mjs scripts/generated.ts\`).

\`ogong-provider local\` serves the APIs of Ollama, OpenAI and Anthropic on 127.0.0.1:11434, without a network or an account. Models named with \`--model\` are loaded at the start. Other models of this machine load on request, and are unloaded \`--keep-alive\` after their last answer. On the CPU a model may be larger than the free memory, if its KV cache and buffers fit. It is loaded with a warning and an estimate of the time for a token, and its weights are read from the disk. A limit of a control group or of the data of a process (\`ulimit -d\`) counts as the free memory. With \`--memory-budget\` or \`--kernels fast\`, for embeddings, or beside a model in use, it is refused. \`--served-models\` names [the only models to serve](../served-models.md#local-mode).

With \`--upstream\` another server with OpenAI's API answers ([upstream](../upstream.md)), in all these dialects. \`--model\` then holds that server's names; without it, its only model is served. These answers have no receipts, and their prompts cannot be counted before the answer. With \`--image-upstream\` another server [makes the pictures](../upstream.md#pictures). \`/api/create\`, \`/api/copy\` and \`/api/delete\` are refused: make and delete the models there.

With \`--with\` other machines of yours compute the first layers of the one \`--model\` ([own machines](../own-machines.md)). \`/api/show\` then lists the layers of each under \`machines\`.

[One rule](fields.md) decides about each field: a field that changes the meaning of an answer works or is refused. Any other field is dropped, and the response header \`x-ogong-ignored\` names it. A limit above the model's own is lowered, and the header \`x-ogong-clamped\` states the new value ([limits](../spec/dialects.md#limits)).

The response header \`x-ogong-receipt\` names the [receipt](../spec/local-receipt.md) of every text and vector of this machine, for \`ogong verify\` and, with the weights, \`ogong replay\`. The request header \`x-ogong-receipt: inline\` brings the receipt with the answer. The receipt of a broken answer covers the text up to there.

The server's address shows a page in a browser: models with slots and speed, and a chat with the server's own checks of each answer. Pictures for a model that reads them are added, pasted or dropped there. A model of pictures makes one from its description, with each step and three previews on the way. It needs no other host. Clients that ask \`/\` for anything but HTML read \`Ollama is running\`.

Web pages may call from this machine, from a desktop app or a browser extension, or from an origin named with \`--origin\`. In an origin \`*\` stands for any characters.

| a request's \`Host\` | on a loopback address | on another address |
|---|---|---|
| \`localhost\`, an IP address, the host of an \`--origin\` | answered | answered |
| \`ollama.local\`, \`host.docker.internal\` | answered | answered |
| another name that no web site can have, such as \`nas\` or \`nas.local\` | refused | answered |
| any other name | refused | refused |

\`--allow-host\` allows more names: \`nas.local\`, \`*.home.example\`, \`lan\` for the third row, or \`*\` for all. A web page can make its own name resolve to this machine, so allow only names that you control. The names of the second row are in no public DNS, so no web site has them. A page of a device at such a name is refused like any other page, unless \`--origin\` names it.

Ollama's variables \`OLLAMA_HOST\` and \`OLLAMA_ORIGINS\` count where neither \`--listen\` and \`--origin\` nor their own variables are given.

## Names of models

A model has its name on the hub, and for a model of the [catalogue](../catalogue.md) also short names: \`qwen3-0.6b\`, \`qwen3:0.6b\`, \`llama3.2\`, \`llama3.2:3b\`. A quantisation may follow: \`qwen3:0.6b-q8_0\`. Case and \`:latest\` do not matter. The same names work in \`pull\`, \`run\`, \`show\`, \`--model\` and every endpoint. An unknown name is answered with the three nearest. \`/api/tags\` and \`/api/ps\` list every name with a tag.

## Ollama

- A chat model answers \`/v1/embeddings\` and \`/api/embed\`, too, by the mean of its hidden states ([chat models](../spec/embedding.md#chat-models)). Its file is then loaded a second time, on the CPU.
- \`/api/embed\` cuts a text that is longer than the context or \`num_ctx\`, unless \`truncate\` is false. The header \`x-ogong-clamped\` then names \`input\`. \`/api/embeddings\` cuts, too. An empty text among others has the vector of the model's special tokens.
- \`dimensions\` shortens vectors ([how](../spec/embedding.md#vector)), also in \`/v1/embeddings\`.
- \`raw\` and \`template\` in \`/api/generate\`: names of control tokens in the text are these tokens. A template may use \`.System\`, \`.Prompt\`, \`.Suffix\`, \`.Response\`, \`if\`, \`else\` and \`end\`; any other action is refused.
- \`width\`, \`height\` and \`steps\` work with a model of pictures, beside \`prompt\` and \`options.seed\`. The last line has the PNG as \`image\`. In a stream, lines with \`completed\` and \`total\` count the steps before it. These fields are experimental in Ollama. A model that writes refuses them.
- \`images\` of a prompt, or of a message of a user or a tool, stand before its text. A model that reads pictures lists \`vision\` in \`/api/show\`; any other refuses them. \`raw\`, \`template\`, \`suffix\` and \`context\` are refused beside them.
- \`context\` holds the tokens of an earlier answer of \`/api/generate\`, and the new prompt follows them. The end of each answer has it, unless it is raw.
- \`quantize\` in \`/api/create\` converts a model of one file in F32, F16 or BF16 to f16, q4_0, q8_0, q5_0, q2_k, q3_k_m, q4_k_m or q5_k_m.
`;

const OPENAI = `## OpenAI

The [fields](fields.md) are those of a [request to the network](../spec/request.md), with these differences:

- \`max_tokens\` above the model's context is lowered to it. Without it an answer may fill the context.
- In a completion, \`max_tokens\` may be 0 to show only the prompt (\`echo\`). Log-probabilities then include the prompt's.
- \`suffix\` works with models whose file has tokens for it.
- \`GET /v1/models\`, \`GET /v1/models/{id}\`, \`POST /v1/embeddings\`, \`POST /v1/rerank\` ([reranking](../spec/embedding.md#reranking)) and \`POST /v1/infer\` ([tensors](../spec/tensor.md)) work.

\`POST /v1/responses\` (nothing is stored) and Anthropic's \`POST /v1/messages\`, each with its token count, are [chats in another dialect](../spec/dialects.md). Tested clients: [clients](../clients.md).
`;

/** docs/reference/local-mode.md */
export function formatLocalModePage(): string {
  const sections = Object.entries(OLLAMA_FIELDS).map(([name, rules]) => `### ${name}\n\n${formatRules(rules)}`);
  return [HEAD, ...sections, OPENAI].join('\n');
}
