import { APIS, type ClientApi, type ClientCase, FEATURES } from './client-case.ts';

/** Packages by library, as package.json names them. */
const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  openai: ['openai'],
  Anthropic: ['@anthropic-ai/sdk'],
  Ollama: ['ollama'],
  'AI SDK 7': [
    ...['ai', '@ai-sdk/openai-compatible', '@ai-sdk/openai', '@ai-sdk/anthropic'],
    ...['ollama-ai-provider-v2', 'ai-sdk-ollama'],
  ],
  'AI SDK 6': ['ai-6', 'ai-6-openai-compatible', 'ai-6-openai', 'ai-6-anthropic'],
  'LangChain JS': ['@langchain/core', '@langchain/openai', '@langchain/anthropic', '@langchain/ollama'],
};

const INTRODUCTION = `# Clients

These clients work unchanged. Their tests use every feature of the tables against local mode and against a gateway, and compare every answer with the API's own document. Clients of Ollama's API are tested against local mode only, since no gateway serves it. Answers, streams, forced calls, schemas and embeddings are also tested on real weights, with a check of each receipt.

- Base URL: \`http://127.0.0.1:11434/v1\` for local mode, or the gateway's \`/v1\`. Clients of Anthropic and Ollama use the address without \`/v1\`, \`ollama-ai-provider-v2\` uses \`/api\`.
- Local mode accepts any key.
- Parameters: [requests](spec/request.md), [other APIs](spec/dialects.md). Endpoints: [endpoints](reference/endpoints.md). Each field: [fields](reference/fields.md).
`;

const REST = `
An empty cell: the client lacks the feature, or it has no test. A tool loop runs the client's own runner where it has one: \`runTools\`, \`ResponsesToolRunner\`, \`toolRunner\`, or \`stopWhen\` of the AI SDK.

## Agents

\`npm run nightly -- agent-programs\` installs Claude Code, Codex, opencode, Qwen Code and the OpenAI Agents SDK. Each looks at a picture with a tool of its own and answers, through local mode. [The list](../lab/src/agent-programs/programs.ts) has their versions and settings.

- Qwen Code sends pictures only to models whose names it knows, such as \`qwen3-vl-plus\`. To another model it sends a note in their place (version 0.24.4).
- opencode reads from its configuration whether a model takes pictures (\`modalities\`, version 1.18.33).

## Settings that some clients need

| client | setting |
| --- | --- |
| AI SDK: openai (responses) | \`providerOptions: { openai: { store: false } }\`. Otherwise a tool loop sends references to earlier items, and no server here stores items. |
| AI SDK: anthropic | \`providerOptions: { anthropic: { structuredOutputMode: 'outputFormat' } }\` for schemas. Otherwise the provider turns the schema into a tool. |
| AI SDK: ollama-ai-provider-v2 | Limits, temperature and stop strings in \`providerOptions.ollama.options\`. The provider ignores those of the AI SDK. It puts the server's message in \`responseBody\`. |
| LangChain JS: ChatAnthropic | The default method of \`withStructuredOutput\`. With \`jsonSchema\` the client only describes the allowed values of a string. |

## Clients without tests

LlamaIndex.TS: its publisher has marked \`@llamaindex/core\`, \`@llamaindex/openai\`, \`@llamaindex/anthropic\` and \`@llamaindex/ollama\` as no longer maintained. \`@llamaindex/openai\` depends on \`openai\` 5.

## Notes

- Anthropic's clients get the stop sequence that ended an answer, if the request named one. They send version 2026-10-21 or 2023-06-01; with both, models accept a temperature.
- A prompt that is too long reaches the client as its own error: \`context_length_exceeded\`, \`prompt is too long\` for Anthropic, \`ContextOverflowError\` of LangChain.
- A gateway takes a short name such as \`llama3.2\` if one served model has it, and answers an unknown name with the nearest ids. A client that checks its answers writes the full id.
- Local mode lowers \`max_tokens\` to the context and says so in \`x-ogong-clamped\`. A gateway does the same for the provider's context, before it compares prices.

Written by \`node packages/testing/scripts/write-clients-page.ts\`.
`;

/** Formats docs/clients.md: clients and features by API, as the tests have them. @param versions by package, as in package.json. */
export function formatClientsPage(
  cases: readonly ClientCase[],
  versions: Readonly<Record<string, string | undefined>>,
): string {
  const notes: string[] = [];
  const tables = APIS.map((api) => formatTable(api, { cases: cases.filter((one) => one.api === api), notes }));
  return INTRODUCTION + formatVersions(versions) + tables.join('') + notes.join('') + REST;
}

function formatVersions(versions: Readonly<Record<string, string | undefined>>): string {
  const rows = Object.entries(LIBRARIES).map(([library, packages]) => {
    const read = packages.map((name) => {
      // An alias names the package: `npm:ai@6.0.0`.
      const [, original = name, version = versions[name]] = /^npm:(.+)@(.+)$/.exec(versions[name] ?? '') ?? [];
      return `\`${original}\` ${version}`;
    });
    return [library, read.join(', ')];
  });
  return `\n${toTable([['library', 'tested versions'], ['---', '---'], ...rows])}`;
}

function formatTable(
  api: ClientApi,
  { cases, notes }: { readonly cases: readonly ClientCase[]; readonly notes: string[] },
): string {
  const clients = [...new Set(cases.map(({ client }) => client))];
  if (clients.length === 0) return '';
  const toCell = (one: ClientCase | undefined): string => {
    if (one?.except === undefined) return one ? 'yes' : '';
    const { place, why } = one.except;
    notes.push(`\nNot ${place === 'gateway' ? 'through a gateway' : 'in local mode'} (${notes.length + 1}): ${why}.\n`);
    return `yes (${notes.length})`;
  };
  const find = (client: string, feature?: string) =>
    cases.find((one) => one.client === client && (feature === undefined || one.feature === feature));
  const features = FEATURES.filter((feature) => cases.some((one) => one.feature === feature));
  const rows = [
    ['through a gateway', ...clients.map((client) => (find(client)?.only === 'local mode' ? 'no' : 'yes'))],
    ...features.map((feature) => [feature, ...clients.map((client) => toCell(find(client, feature)))]),
  ];
  return `\n## ${api}'s API\n\n${toTable([['', ...clients], ['---', ...clients.map(() => '---')], ...rows])}`;
}

const toTable = (rows: readonly (readonly string[])[]): string =>
  rows.map((row) => `| ${row.join(' | ')} |\n`).join('');
