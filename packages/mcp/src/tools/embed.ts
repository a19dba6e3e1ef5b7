import type { McpServer } from '@modelcontextprotocol/server';
import type { CheckedReply } from '@ogong/sdk';
import { z } from 'zod';
import type { McpContext } from '../mcp-server.ts';
import { toResult } from '../tool-calls.ts';
import { receiptShape, showReceipt } from './shown-receipt.ts';

const MAX_INPUTS = 64;
const MAX_TEXT = 100_000;

export function addEmbed(server: McpServer, { client, fees, runCall }: McpContext): void {
  server.registerTool(
    'embed',
    {
      title: 'Embed texts',
      description:
        'Turns texts into vectors by a model of the OGONG network, one for each text, in their order. The vectors equal the signed ones to the bit. It costs money.',
      inputSchema: z.object({
        model: z.string().min(1).max(256).describe('ogong/<tier>/<maker>/<model>'),
        input: z.array(z.string().min(1).max(MAX_TEXT)).min(1).max(MAX_INPUTS),
      }),
      outputSchema: z.object({ vectors: z.array(z.array(z.number())), ...receiptShape }),
      annotations: { readOnlyHint: false, destructiveHint: false, openWorldHint: true },
    },
    ({ model, input }, { mcpReq: { signal: asked } }) =>
      runCall('embed', asked, async (called) => {
        const { response, replies } = await fees.buy(
          (signal) => client.embeddings.create({ model, input }, { signal }),
          called,
        );
        const vectors = response.data.map(({ embedding }) => embedding as readonly number[]);
        return toResult({ vectors, ...showReceipt(replies[0] as CheckedReply) });
      }),
  );
}
