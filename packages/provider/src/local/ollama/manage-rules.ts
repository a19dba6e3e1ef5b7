import {
  type FieldRule,
  type FieldRules,
  isEmptyList,
  isEmptyObject,
  isEmptyText,
  isFalse,
} from '@ogong/protocol/modality/shared/field-rules';

const insecure: FieldRule = { refused: 'only https is fetched', unless: isFalse };
const username: FieldRule = { refused: 'there is no account here', unless: isEmptyText };

/** `name` is what older clients say for `model`. */
const named = { model: 'works', name: 'works' } as const satisfies FieldRules;

export const SHOW_RULES = {
  ...named,
  verbose: 'works',
  system: { refused: 'use /api/create', unless: isEmptyText },
  template: { refused: 'use /api/create', unless: isEmptyText },
  options: { refused: 'use /api/create', unless: isEmptyObject },
} as const satisfies FieldRules;

export const COPY_RULES = { source: 'works', destination: 'works' } as const satisfies FieldRules;
export const DELETE_RULES = named;
export const PULL_RULES = {
  ...named,
  stream: 'works',
  insecure,
  username,
  password: username,
} as const satisfies FieldRules;
export const PUSH_RULES = { ...PULL_RULES } as const satisfies FieldRules;

export const CREATE_RULES = {
  ...named,
  from: 'works',
  files: 'works',
  adapters: 'works',
  system: 'works',
  parameters: 'works',
  messages: 'works',
  license: 'works',
  stream: 'works',
  template: { refused: "the model's own template is used; leave it out", unless: isEmptyText },
  renderer: { refused: "the model's own template is used; leave it out", unless: isEmptyText },
  parser: { refused: "answers are read as the model's template writes them; leave it out", unless: isEmptyText },
  quantize: 'works',
  quantization: 'works',
  modelfile: { refused: 'send its lines as fields: from, system, parameters', unless: isEmptyText },
  path: { refused: 'send the file to /api/blobs and name it in files', unless: isEmptyText },
  info: { refused: "the model's own file says this", unless: isEmptyObject },
  requires: { refused: 'this server follows no release of Ollama', unless: isEmptyText },
  remote_host: { refused: 'models run on this machine alone', unless: isEmptyText },
  draft: { refused: 'drafts are made by the engine; see --drafts', unless: isEmptyList },
} as const satisfies FieldRules;
