import { APICallError } from '@ai-sdk/provider';

interface CheckedPost {
  readonly url: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
  readonly abortSignal?: AbortSignal | undefined;
}

/** Posts a request that OpenAI's provider of the AI SDK does not know in full. @throws APICallError */
export async function postChecked<T>(
  checked: typeof globalThis.fetch,
  { url, body, headers = {}, abortSignal }: CheckedPost,
): Promise<T> {
  const response = await checked(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined)),
    } as Record<string, string>,
    body: JSON.stringify(body),
    ...(abortSignal && { signal: abortSignal }),
  });
  if (!response.ok) throw await readRefusal(response, { url, requestBodyValues: body });
  return (await response.json()) as T;
}

async function readRefusal(response: Response, call: { readonly url: string; readonly requestBodyValues: unknown }) {
  const responseBody = await response.text();
  let data: { error?: { message?: string } } | undefined;
  try {
    data = JSON.parse(responseBody);
  } catch {
    // It is shown as it came.
  }
  const message = data?.error?.message ?? `the gateway answered with status ${response.status}`;
  return new APICallError({ ...call, message, statusCode: response.status, responseBody, data });
}
