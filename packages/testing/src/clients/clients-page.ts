import { type ClientCase, FEATURES } from './client-case.ts';

const INTRODUCTION = `# Clients

These clients work as they are, against local mode and against a gateway: their tests ask both for every feature of the table, and hold every answer
in OpenAI's or Ollama's words against that API's own document. Ollama's own client is asked of local mode alone, since no gateway speaks its API. Answers,
streams, forced calls, schemas and embeddings are asked of real weights, too, where the receipt of each answer is checked. Point a client at \`http://127.0.0.1:11434/v1\` (local mode) or at the gateway's \`/v1\`; Anthropic's and Ollama's own clients take the address without \`/v1\`. Local mode
takes any key. What becomes of each parameter: [requests](spec/request.md), [other APIs](spec/dialects.md); of each endpoint: [endpoints](reference/endpoints.md).

`;

const REST = `
An empty cell: the client has no such feature, or it has no test. Which stop sequence ended an answer is told to Anthropic's clients where one was given. Anthropic's
clients send the version 2026-10-21 or 2023-06-01; with both, models take a temperature. \`max_tokens\` above the context comes down to it in local mode, which says so in
\`x-ogong-clamped\`; a gateway says it of the provider's context, and refuses more than 131,072.

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
