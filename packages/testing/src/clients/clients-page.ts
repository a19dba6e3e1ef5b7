import { type ClientCase, FEATURES } from './client-case.ts';

const INTRODUCTION = `# Clients

These clients work unchanged. Their tests use every feature of the table against local mode and against a gateway, and compare every answer with the API's own document. Ollama's client is tested against local mode only, since no gateway speaks its API. Answers, streams, forced calls, schemas and embeddings are also tested on real weights, with a check of each receipt.

- Base URL: \`http://127.0.0.1:11434/v1\` for local mode, or the gateway's \`/v1\`. Clients of Anthropic and Ollama use the address without \`/v1\`.
- Local mode accepts any key.
- Parameters: [requests](spec/request.md), [other APIs](spec/dialects.md). Endpoints: [endpoints](reference/endpoints.md). Each field: [fields](reference/fields.md).

`;

const REST = `
An empty cell: the client lacks the feature, or it has no test.

- Anthropic's clients get the stop sequence that ended an answer, if the request named one. They send version 2026-10-21 or 2023-06-01; with both, models accept a temperature.
- A gateway takes a short name such as \`llama3.2\` if one served model has it, and answers an unknown name with the nearest ids. A client that checks its answers writes the full id.
- Local mode lowers \`max_tokens\` to the context and says so in \`x-ogong-clamped\`. A gateway does the same for the provider's context, before it compares prices.

Written by \`node packages/testing/scripts/write-clients-page.ts\`.
`;

/** docs/clients.md: client x feature, as the tests have it. */
export function formatClientsPage(cases: readonly ClientCase[]): string {
  const clients = [...new Set(cases.map(({ client }) => client))];
  const notes: string[] = [];
  const toCell = (one: ClientCase | undefined): string => {
    if (one?.except === undefined) return one ? 'yes' : '';
    const { place, why } = one.except;
    notes.push(`\nNot ${place === 'gateway' ? 'through a gateway' : 'in local mode'} (${notes.length + 1}): ${why}.\n`);
    return `yes (${notes.length})`;
  };
  const rows = FEATURES.map((feature) => [
    feature,
    ...clients.map((client) => toCell(cases.find((one) => one.client === client && one.feature === feature))),
  ]);
  const table = [['', ...clients], ['---', ...clients.map(() => '---')], ...rows];
  return INTRODUCTION + table.map((row) => `| ${row.join(' | ')} |\n`).join('') + notes.join('') + REST;
}
