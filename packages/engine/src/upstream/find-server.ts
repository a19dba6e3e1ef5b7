import { EngineError } from '../interface/engine-error.ts';
import { toEngineError, type UpstreamConnection } from './connection.ts';
import type { UpstreamFindings, UpstreamKind } from './findings.ts';
import { quote } from './quote.ts';

type Server = Pick<UpstreamFindings, 'kind' | 'model' | 'contextSize'>;
type Fields = Readonly<Record<string, unknown>>;

const MAX_LISTED = 4096;
const MAX_NAME = 512;
const MAX_CONTEXT = 2 ** 24;

/** Finds the kind of the server by paths that only one kind has, and the model among its models. @throws EngineError */
export async function findServer(connection: UpstreamConnection, wanted: string | undefined): Promise<Server> {
  const { model, row } = await findModel(connection, wanted);
  const kind = await findKind(connection);
  return { kind, model, contextSize: readContext(row) ?? (await findContext(connection, kind, model)) };
}

/** Finds the model among those that the server lists. @throws EngineError */
export async function findModel(
  connection: UpstreamConnection,
  wanted: string | undefined,
): Promise<{ readonly model: string; readonly row: Fields }> {
  const { address } = connection;
  const answer = await connection.call('/v1/models');
  if (!('document' in answer)) throw toEngineError(address, answer);
  const rows = listModels(answer.document);
  const names = rows.map(({ id }) => id as string);
  const model = wanted ?? (names.length === 1 ? names[0] : undefined);
  if (model === undefined || (names.length > 0 && !names.includes(model))) {
    throw createUnknownModel(address, names, wanted);
  }
  return { model, row: rows.find(({ id }) => id === model) ?? {} };
}

function listModels(document: unknown): readonly Fields[] {
  const { data } = (document ?? {}) as { readonly data?: unknown };
  if (!Array.isArray(data) || data.length > MAX_LISTED) return [];
  return data.filter((row: unknown): row is Fields => {
    const id = typeof row === 'object' && row !== null ? (row as Fields).id : undefined;
    return typeof id === 'string' && id.length > 0 && id.length <= MAX_NAME;
  });
}

async function findKind(connection: UpstreamConnection): Promise<UpstreamKind> {
  const get = async (path: string): Promise<Fields> => {
    const answer = await connection.call(path).catch((error: unknown) => {
      if (error instanceof EngineError && error.code === 'engine-crashed' && !error.retryable) return undefined;
      throw error;
    });
    return answer && 'document' in answer ? ((answer.document ?? {}) as Fields) : {};
  };
  if (typeof (await get('/props')).default_generation_settings === 'object') return 'llama-server';
  if (typeof (await get('/get_model_info')).model_path === 'string') return 'sglang';
  if (typeof (await get('/api/version')).version === 'string') return 'ollama';
  if (typeof (await get('/version')).version === 'string') return 'vllm';
  return 'openai';
}

const readSize = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value >= 16 && value <= MAX_CONTEXT ? value : undefined;

const readContext = ({ max_model_len: length }: Fields): number | undefined => readSize(length);

/** For Ollama only a loaded model's context counts: it takes less than the model could. */
async function findContext(
  connection: UpstreamConnection,
  kind: UpstreamKind,
  model: string,
): Promise<number | undefined> {
  if (kind === 'llama-server') {
    const answer = await connection.call('/props');
    const settings = 'document' in answer ? (answer.document as Fields).default_generation_settings : undefined;
    return readSize((settings as Fields | undefined)?.n_ctx);
  }
  if (kind !== 'ollama') return undefined;
  const answer = await connection.call('/api/ps');
  const loaded = 'document' in answer ? (answer.document as Fields).models : undefined;
  const row = Array.isArray(loaded) ? loaded.find((each: Fields | null) => each?.name === model) : undefined;
  return readSize((row as Fields | undefined)?.context_length);
}

/** Explains that no model, or an unknown one, was named. */
function createUnknownModel(address: string, names: readonly string[], wanted: string | undefined): EngineError {
  const listed = names.slice(0, 8).map((name) => quote(name, undefined));
  const lists = names.length === 0 ? 'lists no models' : `lists ${listed.join(', ')}${names.length > 8 ? ', ...' : ''}`;
  const wish = wanted === undefined ? 'name one of them' : `${quote(wanted, undefined)} is none of them`;
  return new EngineError('model-not-found', `${address} ${lists}: ${wish}`);
}
