import { rmSync, statSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { dirname, resolve } from 'node:path';
import { closeToOthers, makePrivateDirectory } from '@ogong/host/files/private-files';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import {
  MAX_REFUSAL_BYTES,
  type SignerRequest,
  type SignerResponse,
  signerRequestFormat,
  signerResponseFormat,
} from '@ogong/protocol/settlement/signer-message';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';
import { describeSigner } from './remote-signer.ts';
import { SignerError } from './signer-error.ts';
import { encodeFrame, readFrame } from './signer-frame.ts';
import type { GuardSummary } from './signing-guard.ts';

export interface SignerServerOptions {
  /** Path of the Unix socket. Its directory is created, and closed to other users. */
  readonly path: string;
  /** Time limit of a client for its next request. Default: 10,000. */
  readonly requestTimeoutMs?: number;
}

export interface SignerServerDependencies {
  readonly signer: ValidatorSigner;
  readonly summarize: () => GuardSummary;
  readonly onSigned?: (kind: string) => void;
  readonly onRefused?: (error: unknown) => void;
}

/** Most connections. Further ones wait for the system to accept them. */
const MAX_CONNECTIONS = 256;

/**
 * Answers requests for signatures on a Unix socket that only this user can open.
 * @throws from `start`: SignerError `unavailable` if another signer has the socket; PrivateFileError
 */
export function createSignerServer(options: SignerServerOptions, dependencies: SignerServerDependencies) {
  const path = resolve(options.path);
  const { requestTimeoutMs = 10_000 } = options;
  const { signer, summarize, onSigned = () => {}, onRefused = () => {} } = dependencies;
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    // A client that is gone needs no answer.
    socket.on('error', () => {}).on('close', () => open.delete(socket));
    void serve(socket).finally(() => socket.destroySoon());
  });
  server.maxConnections = MAX_CONNECTIONS;

  /** Answers the requests of a connection in order, each before the next one is read. */
  async function serve(socket: Socket): Promise<void> {
    for (let hasAsked = false; socket.writable; hasAsked = true) {
      const before = socket.bytesRead;
      let message: Uint8Array;
      try {
        message = await readFrame(socket, { timeoutMs: requestTimeoutMs });
      } catch (error) {
        const isIdle = hasAsked && socket.bytesRead === before;
        if (!isIdle) await write(socket, refuse(error));
        return;
      }
      await write(socket, await answer(message).catch(refuse));
    }
  }

  function refuse(error: unknown): SignerResponse {
    onRefused(error);
    return toRefusal(error);
  }

  async function answer(message: Uint8Array): Promise<SignerResponse> {
    return answerRequest(signerRequestFormat.decode(message));
  }

  async function answerRequest(request: SignerRequest): Promise<SignerResponse> {
    if (request.kind === 'describe') {
      return { kind: 'described', account: signer.address, signingKey: signer.signingKey, ...summarize() };
    }
    if (request.kind === 'describe-head' || request.kind === 'sign-head') return answerHead(request);
    if (request.kind === 'share-key') return { kind: 'share-key', key: signer.quorumKey };
    if (request.kind === 'share') {
      const { quorumKey: key, signShare } = signer;
      if (key === undefined || signShare === undefined)
        throw new SignerError('unavailable', 'this signer has no key for aggregated signatures');
      const share = await signShare(request.statement);
      onSigned(request.statement.kind);
      return { kind: 'shared', key, share };
    }
    const signature = await signer.sign(request.statement);
    onSigned(request.statement.kind);
    return { kind: 'signed', signature };
  }

  async function answerHead(
    request: Extract<SignerRequest, { kind: 'describe-head' | 'sign-head' }>,
  ): Promise<SignerResponse> {
    if (signer.headKey === undefined || signer.signHead === undefined) {
      throw new SignerError('unavailable', 'this signer has no key for heads of logs');
    }
    if (request.kind === 'describe-head') return { kind: 'head-described', publicKey: signer.headKey };
    const signed = await signer.signHead(request.statement);
    onSigned('head');
    return { kind: 'head-signed', ...signed };
  }

  return {
    path,
    async start(): Promise<void> {
      makePrivateDirectory(dirname(path));
      await removeStale(path);
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ path, readableAll: false, writableAll: false }, resolve);
      });
      closeToOthers(path);
    },
    async stop(): Promise<void> {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of open) socket.destroySoon();
      await closed;
    },
  };
}

/** Waits until the system has the answer, so that no more than one answer is buffered for a connection. */
async function write(socket: Socket, response: SignerResponse): Promise<void> {
  if (!socket.writable) return;
  await new Promise((resolve) => socket.write(encodeFrame(signerResponseFormat.encode(response)), resolve));
}

/** Removes the socket of a killed process. */
async function removeStale(path: string): Promise<void> {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return;
  const isAlive = await describeSigner({ path, timeoutMs: 1_000 }).then(
    () => true,
    () => false,
  );
  if (isAlive) throw new SignerError('unavailable', `another signer listens at ${path}`);
  if (!statSync(path).isSocket()) throw new SignerError('unavailable', `${path} is no socket: name another path`);
  rmSync(path);
}

function toRefusal(error: unknown): SignerResponse {
  const isMalformed = error instanceof ProtocolError;
  const code = error instanceof SignerError && error.code !== 'unreachable' ? error.code : undefined;
  const reason = error instanceof Error ? error.message : 'the statement cannot be signed now';
  return {
    kind: 'refused',
    code: code ?? (isMalformed ? 'malformed' : 'unavailable'),
    reason: new TextDecoder().decode(
      new TextEncoder().encode(reason.toWellFormed()).subarray(0, MAX_REFUSAL_BYTES - 3),
    ),
  };
}
