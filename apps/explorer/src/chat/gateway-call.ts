export class GatewayRefusal extends Error {
  override readonly name = 'GatewayRefusal';
  readonly code = 'refused';
  readonly retryable = false;
  readonly status: number;
  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** Headers of a key; none for an empty one. */
export const authorize = (key: string): Record<string, string> =>
  key === '' ? {} : { authorization: `Bearer ${key}` };

/** Reads the reason of a refusal. @throws GatewayRefusal */
export async function refuse(response: Response): Promise<never> {
  const body = (await response.json().catch(() => ({}))) as { error?: { message?: string } };
  throw new GatewayRefusal(body.error?.message ?? `the gateway answers ${response.status}`, response.status);
}

/** Fetches. @throws GatewayRefusal, also if nobody answers, and the error of an abort. */
export async function reach(url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (cause) {
    throw toReadable(cause, 'The gateway does not answer.');
  }
}

/** Makes a refusal of a failed fetch, for which a browser names no reason. Other errors stay as they are. */
export const toReadable = (error: unknown, message: string): unknown =>
  error instanceof TypeError ? new GatewayRefusal(message, 0) : error;

/** A call whose request and answer are JSON. */
export interface JsonCall {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: object;
  readonly signal?: AbortSignal;
}

/** @throws GatewayRefusal, Error if the answer is no JSON. */
export async function callJson(
  { baseUrl, key }: { readonly baseUrl: string; readonly key: string },
  { method, path, body, signal }: JsonCall,
): Promise<unknown> {
  const response = await reach(new URL(path, baseUrl), {
    method,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...authorize(key) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
    redirect: 'error',
  });
  if (!response.ok) return refuse(response);
  return response.json();
}
