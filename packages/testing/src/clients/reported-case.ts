import { existsSync, readdirSync, readFileSync } from 'node:fs';

// Requests of real clients that once failed. The repository does not contain them.
const FOLDER = new URL('../../../../../shared/vectors/cases/', import.meta.url);

/** Why the checks are skipped; undefined if the cases are there. */
export const missingReportedCases: string | undefined = existsSync(FOLDER)
  ? undefined
  : 'the reported cases are absent';

/** Ends the name of a skipped suite. */
export const whySkipped = missingReportedCases === undefined ? '' : ` (skipped: ${missingReportedCases})`;

/** Lists the names of all cases. */
export const listReportedCases = (): readonly string[] =>
  readdirSync(FOLDER).flatMap((file) => (file.endsWith('.json') ? [file.slice(0, -'.json'.length)] : []));

export interface ReportedRequest {
  readonly path: string;
  readonly init: RequestInit;
}

/** Reads the request of a case. @param model replaces the name that the case leaves open. */
export function readReportedCase(name: string, model: string): ReportedRequest {
  const text = readFileSync(new URL(`${name}.json`, FOLDER), 'utf8').replace(
    /"\$(?:MODEL|EMBED)"/g,
    JSON.stringify(model),
  );
  const { request } = JSON.parse(text) as { request: { method: string; path: string; headers?: object; body: object } };
  const { method, path, headers, body } = request;
  return {
    path,
    init: { method, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) },
  };
}

/** The first request of a coding agent: a large limit, many tools and a long system prompt. */
const AGENT_REQUEST = {
  system: 'You change code. '.repeat(1_200),
  maxTokens: 32_000,
  tools: Array.from({ length: 60 }, (_, i) => ({
    name: `tool_${i}`,
    description: `Reads or writes part ${i} of the project. `.repeat(8),
    parameters: {
      type: 'object',
      properties: { path: { type: 'string', description: 'path of a file' }, line: { type: 'integer' } },
      required: ['path'],
    },
  })),
};

/** The request in the words of each API. */
export const AGENT_BODIES: Readonly<Record<string, object>> = {
  '/v1/chat/completions': {
    max_completion_tokens: AGENT_REQUEST.maxTokens,
    messages: [
      { role: 'system', content: AGENT_REQUEST.system },
      { role: 'user', content: 'Hi' },
    ],
    tools: AGENT_REQUEST.tools.map((offered) => ({ type: 'function', function: offered })),
  },
  '/v1/responses': {
    max_output_tokens: AGENT_REQUEST.maxTokens,
    instructions: AGENT_REQUEST.system,
    input: 'Hi',
    tools: AGENT_REQUEST.tools.map((offered) => ({ type: 'function', ...offered })),
  },
  '/v1/messages': {
    max_tokens: AGENT_REQUEST.maxTokens,
    system: [{ type: 'text', text: AGENT_REQUEST.system, cache_control: { type: 'ephemeral' } }],
    messages: [{ role: 'user', content: 'Hi' }],
    tools: AGENT_REQUEST.tools.map(({ parameters, ...rest }) => ({ ...rest, input_schema: parameters })),
  },
};
