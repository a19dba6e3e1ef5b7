import { homedir } from 'node:os';
import { join } from 'node:path';
import { LOG_LEVELS } from '../log/logger.ts';
import { hostPort, httpUrl, oneOf, text } from './values.ts';

/** Where the ledger is. */
export const chainFields = {
  rpcUrl: {
    schema: httpUrl,
    label: '<url>',
    env: 'OGONG_RPC_URL',
    description: "JSON-RPC address of the chain; the deployment's own if not given",
  },
  deployment: {
    schema: text,
    label: '<path>',
    env: 'OGONG_DEPLOYMENT',
    required: true,
    description: 'JSON file with the addresses of the contracts',
  },
} as const;

/** One store for all programs: what one has downloaded, all have. */
export const modelsDirField = {
  modelsDir: {
    schema: text,
    label: '<path>',
    env: 'OGONG_MODELS_DIR',
    default: join(homedir(), '.ogong', 'models'),
    description: 'where models are kept',
  },
} as const;

/** What an operator watches. */
export const observationFields = {
  metricsBind: {
    schema: hostPort,
    label: '<addr>',
    env: 'OGONG_METRICS_BIND',
    description: 'loopback address of the metrics server',
  },
  logLevel: { schema: oneOf(LOG_LEVELS), env: 'OGONG_LOG_LEVEL', default: 'info', description: 'what is logged' },
} as const;
