import { findUnserved, UNSERVED_GROUPS } from '@ogong/host/dialect/unserved-paths';
import { DOCUMENTED_PATHS } from '@ogong/testing/clients/documented-paths';
import { isServed, toPath } from '@ogong/testing/clients/served-paths';

const HEAD = `# Endpoints

This page lists every endpoint in the documents of OpenAI and Ollama, and says whether local mode and a gateway serve it. It is generated
from these documents and from the servers' own tables (\`node scripts/run.mjs scripts/generated.ts\`). For the fields of a request see
[fields](fields.md), [local mode](local-mode.md), [requests](../spec/request.md) and [other APIs](../spec/dialects.md).

An endpoint that is not served answers with status 404, the code \`not_served\` and the reason below, in the format of its own API. A path that no
document names answers with the code \`unknown_url\`, and names the route with the same end, if there is one.

Both servers also have Anthropic's \`POST /v1/messages\` and \`POST /v1/messages/count_tokens\`, \`POST /v1/rerank\`, \`POST /v1/infer\`, and \`GET /v1/receipts/{id}\`.
A gateway also has \`GET /v1/endpoints\`: all offers, each with its measurements, posture and price ([match](../spec/match.md#models-and-offers)). A
request chooses among them by its object \`ogong\`, or by a suffix of the model's name ([preference](../spec/request.md#preference)).
Its accounts have \`GET /v1/usage\` and an [admin API](../accounts.md#admin-api).
`;

const mark = (isTrue: boolean): string => (isTrue ? 'yes' : '');

/** Answered, and refused by its own handler. */
const markLocal = (row: string): string => (row === 'POST /api/push' ? 'refused' : mark(isServed(row, 'local mode')));

/** docs/reference/endpoints.md */
export function formatEndpointsPage(): string {
  const rows: readonly string[] = [...DOCUMENTED_PATHS.openai, ...DOCUMENTED_PATHS.ollama];
  const served = rows.filter((row) => isServed(row, 'local mode') || isServed(row, 'gateway'));
  const table = served.map((row) => `| \`${row}\` | ${markLocal(row)} | ${mark(isServed(row, 'gateway'))} |`);
  const refused = UNSERVED_GROUPS.filter(({ only }) => only === undefined).map(({ name, why }) => {
    const own = rows.filter((row) => groupOf(row) === name);
    return [`### ${name}`, '', `${why}.`, '', ...joinMethods(own).map((row) => `- \`${row}\``), ''].join('\n');
  });
  const gatewayOnly = UNSERVED_GROUPS.filter(({ only }) => only === 'gateway').map(
    ({ name, why }) => `- ${name}: ${why}.`,
  );
  return [
    ...[HEAD, '## Served', '', '| endpoint | local mode | gateway |', '| --- | --- | --- |', ...table, ''],
    ...['`POST /api/push` says why it is refused: nothing leaves the machine. At a gateway:', '', ...gatewayOnly, ''],
    ...['## Not served', '', ...refused],
  ].join('\n');
}

function groupOf(row: string): string | undefined {
  const [method, path] = row.split(' ') as [string, string];
  return findUnserved(method, toPath(path), 'local mode')?.name;
}

/** One line for each path. */
function joinMethods(rows: readonly string[]): readonly string[] {
  const byPath = new Map<string, string[]>();
  for (const row of rows) {
    const [method, path] = row.split(' ') as [string, string];
    byPath.set(path, [...(byPath.get(path) ?? []), method]);
  }
  return [...byPath].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, methods]) => `${path} (${methods.join(', ')})`);
}
