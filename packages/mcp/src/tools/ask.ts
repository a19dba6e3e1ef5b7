import type { McpServer } from '@modelcontextprotocol/server';
import type { CheckedReply } from '@ogong/sdk';
import { z } from 'zod';
import type { McpContext } from '../mcp-server.ts';
import { ToolError } from '../tool-error.ts';
import { describeReceipt, receiptShape, showReceipt } from './shown-receipt.ts';

const MAX_MESSAGES = 256;
const MAX_TEXT = 1_000_000;
const message = z.strictObject({
  role: z.enum(['system', 'user', 'assistant']),
  content: z.string().max(MAX_TEXT),
});

const input = {
  model: z.string().min(1).max(256).describe('ogong/<tier>/<maker>/<model>'),
  prompt: z.string().min(1).max(MAX_TEXT).optional().describe('one question; or give messages'),
  messages: z.array(message).min(1).max(MAX_MESSAGES).optional(),
  max_tokens: z.number().int().min(1).max(131_072).optional(),
  temperature: z.number().min(0).max(2).optional(),
};

export function addAsk(server: McpServer, { client, fees, runCall }: McpContext): void {
  server.registerTool(
    'ask',
    {
      title: 'Ask a model',
      description:
        'Asks a model of the OGONG network. The answer has passed the checks of its receipt: the named provider signed it for this request. It costs money.',
      inputSchema: z.object(input),
      outputSchema: z.object({ content: z.string(), finish_reason: z.string(), ...receiptShape }),
      annotations: { readOnlyHint: false, destructiveHint: false, openWorldHint: true },
    },
    ({ prompt, messages, ...params }, { mcpReq: { signal: asked } }) =>
      runCall('ask', asked, async (called) => {
        if ((prompt === undefined) === (messages === undefined))
          throw new ToolError('input', 'give either prompt or messages');
        const body = { ...params, messages: messages ?? [{ role: 'user', content: prompt as string }] };
        const { response, replies } = await fees.buy(
          (signal) => client.chat.completions.create(body, { signal }),
          called,
        );
        const [choice] = response.choices;
        const content = choice?.message.content ?? '';
        const receipt = showReceipt(replies[0] as CheckedReply);
        return {
          content: [
            { type: 'text', text: content },
            { type: 'text', text: describeReceipt(receipt) },
          ],
          structuredContent: { content, finish_reason: choice?.finish_reason ?? '', ...receipt },
        };
      }),
  );
}
