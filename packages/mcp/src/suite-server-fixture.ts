import { setTimeout as delay } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { z } from 'zod';

const done = (text: string) => ({ content: [{ type: 'text' as const, text }] });
const PAUSE_MS = 10;

/** Tools of the conformance suite whose messages go both ways during a call. */
export function createSuiteServer(): McpServer {
  const mcp = new McpServer({ name: 'suite', version: '1' }, { capabilities: { logging: {} } });
  mcp.registerTool('test_tool_with_logging', {}, async ({ sendNotification }) => {
    for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      await sendNotification({ method: 'notifications/message', params: { level: 'info', data } });
      await delay(PAUSE_MS);
    }
    return done('logged');
  });
  mcp.registerTool('test_tool_with_progress', {}, async ({ sendNotification, _meta }) => {
    const progressToken = _meta?.progressToken as string;
    for (const progress of [0, 50, 100]) {
      await sendNotification({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } });
      await delay(PAUSE_MS);
    }
    return done('reported');
  });
  mcp.registerTool(
    'test_sampling',
    { inputSchema: { prompt: z.string() } },
    async ({ prompt: text }, { sendRequest }) => {
      const params = {
        messages: [{ role: 'user' as const, content: { type: 'text' as const, text } }],
        maxTokens: 100,
      };
      const { content } = await sendRequest(
        { method: 'sampling/createMessage', params },
        z.object({ content: z.unknown() }),
      );
      return done(`LLM response: ${JSON.stringify(content)}`);
    },
  );
  mcp.registerTool(
    'test_elicitation',
    { inputSchema: { message: z.string() } },
    async ({ message }, { sendRequest }) => {
      const username = { type: 'string' as const };
      const requestedSchema = { type: 'object' as const, properties: { username }, required: ['username'] };
      const params = { message, requestedSchema };
      const { action } = await sendRequest({ method: 'elicitation/create', params }, z.object({ action: z.string() }));
      return done(`User response: ${action}`);
    },
  );
  return mcp;
}
