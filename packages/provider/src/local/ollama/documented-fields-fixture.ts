import { existsSync, readFileSync } from 'node:fs';

/** Fields that Ollama's openapi.yaml (version 0.1.0) documents, by its schemas. */
export const DOCUMENTED = {
  GenerateRequest: [
    ...['model', 'prompt', 'suffix', 'images', 'format', 'system', 'stream', 'think', 'raw', 'keep_alive', 'options'],
    ...['logprobs', 'top_logprobs'],
  ],
  ChatRequest: [
    ...['model', 'messages', 'tools', 'format', 'options', 'stream', 'think', 'keep_alive', 'logprobs', 'top_logprobs'],
  ],
  ChatMessage: ['role', 'content', 'images', 'tool_calls'],
  ModelOptions: ['seed', 'temperature', 'top_k', 'top_p', 'min_p', 'stop', 'num_ctx', 'num_predict'],
  EmbedRequest: ['model', 'input', 'truncate', 'dimensions', 'keep_alive', 'options'],
  CreateRequest: [
    ...['model', 'from', 'template', 'renderer', 'parser', 'license', 'system', 'parameters', 'messages', 'quantize'],
    'stream',
  ],
  CopyRequest: ['source', 'destination'],
  DeleteRequest: ['model'],
  PullRequest: ['model', 'insecure', 'stream'],
  PushRequest: ['model', 'insecure', 'stream'],
  ShowRequest: ['model', 'verbose'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** Further fields, from the list in the documentation of Ollama's API and its Modelfile. */
export const ALSO_DOCUMENTED = {
  GenerateRequest: ['template', 'context', 'width', 'height', 'steps'],
  ChatMessage: ['thinking', 'tool_name'],
  ModelOptions: [
    ...['num_keep', 'typical_p', 'repeat_last_n', 'repeat_penalty', 'presence_penalty', 'frequency_penalty'],
    ...['penalize_newline', 'numa', 'num_batch', 'num_gpu', 'main_gpu', 'use_mmap', 'num_thread'],
    ...['mirostat', 'mirostat_tau', 'mirostat_eta', 'tfs_z'],
  ],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** Ollama's own description of its API; it is not part of the repository. */
const DOCUMENT = new URL('../../../../../../shared/vectors/ollama/docs/openapi.yaml', import.meta.url);

/** The fields of each schema as the document lists them, or undefined if the document is absent. */
export function readDocumentedFields(): Readonly<Record<string, readonly string[]>> | undefined {
  if (!existsSync(DOCUMENT)) return undefined;
  const found: Record<string, string[]> = {};
  let schema = '';
  let isListing = false;
  for (const line of readFileSync(DOCUMENT, 'utf8').split('\n')) {
    const [, name] = /^ {4}([A-Z]\w*):$/.exec(line) ?? [];
    if (name !== undefined) [schema, isListing] = [name, false];
    else if (/^ {6}\S/.test(line)) isListing = line === '      properties:';
    const [, field] = /^ {8}([a-z_]+):/.exec(line) ?? [];
    if (isListing && field !== undefined) found[schema] = [...(found[schema] ?? []), field];
  }
  return found;
}
