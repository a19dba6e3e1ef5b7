import { homedir } from 'node:os';
import { join } from 'node:path';
import { modelsDirField } from '@ogong/host/config/common-fields';

/** The laboratory's own model store, apart from the user's models. */
export const labModelsField = {
  modelsDir: {
    ...modelsDirField.modelsDir,
    env: 'OGONG_LAB_MODELS_DIR',
    default: join(homedir(), '.ogong', 'lab', 'models'),
    description: 'where models are kept, forged ones too',
  },
} as const;

/** For programs without flags of their own. */
export const labModelsDir = (): string => process.env[labModelsField.modelsDir.env] ?? labModelsField.modelsDir.default;
