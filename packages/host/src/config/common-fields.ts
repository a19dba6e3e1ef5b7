import { homedir } from 'node:os';
import { join } from 'node:path';
import { LOG_LEVELS } from '../log/logger.ts';
import { decimal, hostPort, httpUrl, oneOf, text } from './values.ts';

/** Address and contracts of the ledger. */
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

/** One store for all programs: they share downloads. */
export const modelsDirField = {
  modelsDir: {
    schema: text,
    label: '<path>',
    env: 'OGONG_MODELS_DIR',
    default: join(homedir(), '.ogong', 'models'),
    description: 'where models are kept',
  },
} as const;

/** Settings of metrics, traces and logs for the operator. */
export const observationFields = {
  metricsBind: {
    schema: hostPort,
    label: '<addr>',
    env: 'OGONG_METRICS_BIND',
    description: 'loopback address of the metrics server',
  },
  logLevel: { schema: oneOf(LOG_LEVELS), env: 'OGONG_LOG_LEVEL', default: 'info', description: 'what is logged' },
} as const;

/** Of daemons that send spans: of replies, or of the links that they carry. */
export const traceFields = {
  otlp: {
    schema: httpUrl,
    label: '<url>',
    env: 'OGONG_OTLP',
    description:
      'address at which an OpenTelemetry collector accepts spans (OTLP over HTTP); none are sent if not given',
  },
  otlpShare: {
    schema: decimal({ max: 1 }),
    env: 'OGONG_OTLP_SHARE',
    default: '1',
    description:
      'share of the replies (of a relay: of the links) whose spans are sent, the same replies at every daemon',
  },
} as const;
