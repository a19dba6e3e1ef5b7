import { homedir } from 'node:os';
import { join } from 'node:path';
import { text } from '@ogong/host/config/values';

export const modelsDir = {
  schema: text,
  label: '<path>',
  env: 'OGONG_MODELS_DIR',
  default: join(homedir(), '.ogong', 'models'),
  description: 'where models are kept',
} as const;
