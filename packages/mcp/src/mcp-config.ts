import { defineConfig } from '@ogong/host/config/define-config';
import { amountForm, atomicAmount, duration, httpUrl, integer, oneOf, text } from '@ogong/host/config/values';
import { LOG_LEVELS } from '@ogong/host/log/logger';

export const mcpConfig = defineConfig({
  name: 'ogong-mcp',
  summary:
    'A Model Context Protocol server on standard input and output, or over HTTP on this machine. An agent asks models of the network,\n' +
    'embeds texts, keeps memories, and checks receipts. Every answer is checked before the agent has it. Logs go to standard error.',
  fields: {
    gateway: {
      schema: httpUrl,
      label: '<url>',
      env: 'OGONG_GATEWAY_URL',
      default: 'http://127.0.0.1:4546',
      description: 'address of the gateway',
    },
    apiKey: { schema: text, secret: true, env: 'OGONG_API_KEY', description: 'key of the gateway, if it requires one' },
    trust: {
      schema: text,
      label: '<path>',
      env: 'OGONG_TRUST',
      description: 'JSON file with trusted values: ledger, validators, routers, published model roots, skipped checks',
    },
    allow: {
      schema: text,
      label: '<check>',
      env: 'OGONG_ALLOW',
      repeatable: true,
      description: 'a check that may be skipped; repeat it for several',
    },
    maxSpend: {
      schema: atomicAmount,
      label: '<amount>',
      description: `answers are refused once the fees by their receipts reach it, ${amountForm}, until this program starts again; the last answer may exceed it`,
    },
    memory: {
      schema: httpUrl,
      label: '<url>',
      description: 'address of a memory API; without it there are no tools for memories',
    },
    memoryKey: { schema: text, secret: true, description: 'key of the memory API' },
    http: {
      schema: integer({ min: 0, max: 65_535 }),
      label: '<port>',
      description: 'serve HTTP at /mcp of this port of 127.0.0.1, in place of standard input and output; 0: any port',
    },
    httpKey: { schema: text, secret: true, description: 'key that a caller over HTTP has to show, as a bearer token' },
    concurrency: { schema: integer({ min: 1, max: 64 }), default: '4', description: 'calls that run at once' },
    timeout: { schema: duration, default: '5m', description: 'longest time of one call' },
    logLevel: { schema: oneOf(LOG_LEVELS), env: 'OGONG_LOG_LEVEL', default: 'info', description: 'what is logged' },
  },
  examples: [
    'ogong-mcp --gateway http://127.0.0.1:4546 --trust trust.json',
    'ogong-mcp --trust trust.json --max-spend 0.5 --memory http://127.0.0.1:4549',
    'ogong-mcp --trust trust.json --http 4560',
  ],
});

export type McpValues = Extract<ReturnType<typeof mcpConfig.parse>, { kind: 'run' }>['values'];
