import type { McpServer } from '@modelcontextprotocol/server';
import { fromBase64, utf8Encode } from '@ogong/protocol/base/bytes';
import { parseJson } from '@ogong/protocol/base/json';
import { isAgentChain } from '@ogong/protocol/verdict/agent/agent-chain';
import {
  type Check,
  isLocalReceipt,
  parseAnyReceipt,
  verifyAgentChain,
  verifyLocalReceipt,
  verifyReceipt,
} from '@ogong/sdk';
import { z } from 'zod';
import type { McpContext } from '../mcp-server.ts';
import { toResult } from '../tool-calls.ts';
import { ToolError } from '../tool-error.ts';

const MAX_FILE = 16_000_000;
const check = z.object({ id: z.string(), status: z.enum(['pass', 'fail', 'skip']), detail: z.string() });

export function addVerify(server: McpServer, { trust, allow, nowMs, runCall }: McpContext): void {
  server.registerTool(
    'verify',
    {
      title: 'Verify a receipt or a run',
      description:
        "Checks a receipt of an answer (the JSON of GET /v1/receipts/<id>) or the file of an agent's run (JSON Lines) offline. `ok` is false if a check failed, or was skipped without permission.",
      inputSchema: z.object({ file: z.string().min(1).max(MAX_FILE).describe('text of the file') }),
      outputSchema: z.object({
        kind: z.enum(['receipt', 'run']),
        ok: z.boolean(),
        missing: z.array(z.string()).describe('checks that lack trusted values'),
        checks: z.array(check),
      }),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    ({ file }, { mcpReq: { signal: asked } }) =>
      runCall('verify', asked, async () => {
        const bytes = utf8Encode(file);
        const known = { trust, allow, nowMs: nowMs() };
        if (isAgentChain(bytes)) return show('run', await verifyAgentChain(bytes, known));
        const receipt = parseAnyReceipt(bytes);
        const input = { ...readBodies(bytes), ...known };
        const verdict = isLocalReceipt(receipt)
          ? verifyLocalReceipt(receipt, input)
          : await verifyReceipt(receipt, input);
        return show('receipt', verdict);
      }),
  );
}

function show(
  kind: 'receipt' | 'run',
  {
    ok,
    missing,
    checks,
  }: { readonly ok: boolean; readonly missing: readonly string[]; readonly checks: readonly Check[] },
) {
  const shown = checks.map(({ id, status, detail }) => ({ id, status, detail }));
  return toResult({ kind, ok, missing: [...missing], checks: shown });
}

/** @throws ToolError, ProtocolError */
function readBodies(bytes: Uint8Array): { readonly request: Uint8Array; readonly response: Uint8Array } {
  const fields = parseJson(bytes) as Readonly<Record<string, unknown>>;
  const read = (name: string): Uint8Array => {
    const value = fields[name];
    if (typeof value === 'string') return fromBase64(value);
    throw new ToolError('input', `the receipt has no ${name}: give the whole answer of GET /v1/receipts/<id>`);
  };
  return { request: read('request'), response: read('response') };
}
