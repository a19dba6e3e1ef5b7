import { setTimeout as delay } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';

const done = (text: string) => ({ content: [{ type: 'text' as const, text }] });
const PAUSE_MS = 10;

/** Tools of the conformance suite whose messages go both ways during a call. */
export function createSuiteServer(): McpServer {
  const mcp = new McpServer({ name: 'suite', version: '1' }, { capabilities: { logging: {} } });
  mcp.registerTool('test_error_handling', {}, () => {
    throw new Error('this tool always fails');
  });
  mcp.registerTool('test_tool_with_logging', {}, async ({ mcpReq }) => {
    for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      await mcpReq.notify({ method: 'notifications/message', params: { level: 'info', data } });
      await delay(PAUSE_MS);
    }
    return done('logged');
  });
  mcp.registerTool('test_tool_with_progress', {}, async ({ mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken as string;
    for (const progress of [0, 50, 100]) {
      await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } });
      await delay(PAUSE_MS);
    }
    return done('reported');
  });
  mcp.registerTool(
    'test_sampling',
    { inputSchema: z.object({ prompt: z.string() }) },
    async ({ prompt: text }, { mcpReq }) => {
      const params = { messages: [{ role: 'user', content: { type: 'text', text } }], maxTokens: 100 };
      const { content } = await mcpReq.send({ method: 'sampling/createMessage', params });
      return done(`LLM response: ${JSON.stringify(content)}`);
    },
  );
  mcp.registerTool(
    'test_elicitation',
    { inputSchema: z.object({ message: z.string() }) },
    async ({ message }, { mcpReq }) => {
      const username = { type: 'string' };
      const requestedSchema = { type: 'object', properties: { username }, required: ['username'] };
      const { action } = await mcpReq.send({ method: 'elicitation/create', params: { message, requestedSchema } });
      return done(`User response: ${action}`);
    },
  );
  return mcp;
}
