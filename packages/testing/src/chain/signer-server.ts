import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClient, type Hex, http } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';

export interface SignerServer {
  readonly url: string;
  readonly requests: { readonly method: string; readonly params: readonly Record<string, string>[] }[];
  close(): Promise<void>;
}

/**
 * Starts a JSON-RPC signer on this machine.
 * @param answer computes the answer to the first parameter of each request, or to all of them; a rejection is a refusal. @param offers the methods that it has.
 */
export async function startSignerServer(
  answer: (params: Record<string, string>, method: string, all: readonly unknown[]) => Promise<unknown>,
  offers: readonly string[] = ['eth_signTransaction'],
): Promise<SignerServer> {
  const requests: SignerServer['requests'] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const piece of request) text += String(piece);
    const { id, ...call } = JSON.parse(text);
    requests.push(call);
    const isOffered = offers.includes(call.method);
    const answered = isOffered
      ? answer(call.params?.[0], call.method, call.params)
      : Promise.reject(new Error('no such method'));
    const result = await answered.then(
      (value) => ({ result: value }),
      (error: Error) => ({ error: { code: isOffered ? 4_001 : -32_601, message: error.message } }),
    );
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ jsonrpc: '2.0', id, ...result }));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    ...{ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests },
    close: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
}

/** A wallet that forwards the request, or a changed one, to a chain node that holds the account and sends it. */
export function sendByNode(
  rpcUrl: string,
  change: (asked: Record<string, string>) => Record<string, string | undefined> = (asked) => asked,
): (params: Record<string, string>, method: string) => Promise<unknown> {
  const { request } = createClient({ transport: http(rpcUrl, { retryCount: 0 }) });
  return (asked, method) => request({ method, params: asked ? [change(asked)] : [] } as never);
}

/** Signs each transaction unchanged. */
export function signAsAsked(privateKey: Hex): (params: Record<string, string>) => Promise<Hex> {
  const holder = privateKeyToAccount(privateKey);
  return ({ to, data, gas = '0', nonce, chainId, maxFeePerGas = '0', maxPriorityFeePerGas = '0' }) =>
    holder.signTransaction({
      ...{ type: 'eip1559', to: to as Hex, data: data as Hex, gas: BigInt(gas), nonce: Number(nonce) },
      ...{ chainId: Number(chainId), maxFeePerGas: BigInt(maxFeePerGas) },
      maxPriorityFeePerGas: BigInt(maxPriorityFeePerGas),
    });
}

/**
 * Signs typed data unchanged (`eth_signTypedData_v4`).
 * @param change changes the message. @param isParity whether the last byte is 0 or 1, as in some wallets
 */
export function signTypedAsAsked(
  privateKey: Hex,
  {
    change = (message) => message,
    isParity = false,
  }: {
    readonly change?: (message: Record<string, unknown>) => Record<string, unknown>;
    readonly isParity?: boolean;
  } = {},
): (params: unknown, method: string, all: readonly unknown[]) => Promise<Hex> {
  const holder = privateKeyToAccount(privateKey);
  return async (_account, _method, [, text]) => {
    const typed = JSON.parse(text as string) as Parameters<typeof holder.signTypedData>[0];
    const signature = await holder.signTypedData({ ...typed, message: change(typed.message) });
    if (!isParity) return signature;
    return `${signature.slice(0, -2)}${(Number.parseInt(signature.slice(-2), 16) - 27).toString().padStart(2, '0')}` as Hex;
  };
}
