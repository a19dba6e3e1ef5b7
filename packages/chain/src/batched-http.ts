import { createTransport, HttpRequestError, RpcRequestError, type Transport } from 'viem';
import { getHttpRpcClient } from 'viem/utils';

interface Call {
  readonly method: string;
  readonly params?: unknown;
}

interface Answer {
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string } | undefined;
}

interface Waiting {
  readonly call: Call;
  readonly resolve: (answer: Answer | Promise<Answer>) => void;
  readonly reject: (error: unknown) => void;
}

/** Reads, which may be sent twice. */
const READS: ReadonlySet<string> = new Set(['eth_blockNumber', 'eth_call', 'eth_getBlockByNumber', 'eth_getLogs']);
/** Calls in one request. */
const MAX_BATCH = 50;

/**
 * Returns a transport that sends the reads of one turn of the event loop in one HTTP request. A request costs more than its calls.
 * A node that refuses such a batch receives every later call in a request of its own.
 */
export function batchedHttp(url: string, { timeoutMs }: { readonly timeoutMs: number }): Transport {
  const rpc = getHttpRpcClient(url, { timeout: timeoutMs });
  let waiting: Waiting[] = [];
  let isBatchRefused = false;

  const sendAlone = (body: Call): Promise<Answer> => rpc.request({ body });

  /** Returns the answers in the order of their calls; undefined if the node refuses batches. */
  async function sendTogether(calls: readonly Call[]): Promise<readonly Answer[] | undefined> {
    const body = calls.map((call, id) => ({ ...call, id }));
    try {
      const answers: unknown = await rpc.request({ body });
      return Array.isArray(answers) ? sortAnswers(answers, calls.length) : undefined;
    } catch (error) {
      if (isRefusal(error)) return undefined;
      throw error;
    }
  }

  async function send(batch: readonly Waiting[]): Promise<void> {
    try {
      const isTogether = batch.length > 1 && !isBatchRefused;
      const answers = isTogether ? await sendTogether(batch.map(({ call }) => call)) : undefined;
      isBatchRefused ||= isTogether && answers === undefined;
      for (const [i, { call, resolve }] of batch.entries()) resolve(answers?.[i] ?? sendAlone(call));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  function flush(): void {
    const calls = waiting;
    waiting = [];
    for (let at = 0; at < calls.length; at += MAX_BATCH) void send(calls.slice(at, at + MAX_BATCH));
  }

  function join(call: Call): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (waiting.length === 0) setTimeout(flush, 0);
      waiting.push({ call, resolve, reject });
    });
  }

  async function request({ method, params }: Call) {
    const call = { method, params };
    const { result, error } = await (READS.has(method) ? join(call) : sendAlone(call));
    if (error) throw new RpcRequestError({ body: call, error, url });
    return result;
  }

  return () =>
    createTransport({
      ...{ key: 'http', name: 'HTTP JSON-RPC', type: 'http' },
      ...{ request: request as never, retryCount: 1, timeout: timeoutMs },
    });
}

/** Returns undefined unless there is one answer for each call. */
function sortAnswers(answers: readonly (Answer & { readonly id?: unknown })[], count: number): Answer[] | undefined {
  const byId = new Map(answers.map((answer) => [answer?.id, answer]));
  const sorted = Array.from({ length: count }, (_, id) => byId.get(id));
  return sorted.every((answer) => answer !== undefined) ? sorted : undefined;
}

/** Tells whether a node refuses the form of a request. A node that is too busy refuses any request. */
function isRefusal(error: unknown): boolean {
  const status = error instanceof HttpRequestError ? (error.status ?? 0) : 0;
  return status >= 400 && status < 500 && status !== 429;
}
