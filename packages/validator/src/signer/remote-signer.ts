import { equalBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import type { Bls } from '@ogong/protocol/crypto/bls';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import {
  type SignerDescription,
  type SignerRequest,
  type SignerResponse,
  signerRequestFormat,
  signerResponseFormat,
} from '@ogong/protocol/settlement/signer-message';
import {
  encodeShareMessage,
  hashStatement,
  type StatedBatch,
  type ValidatorSigner,
  type ValidatorStatement,
} from '@ogong/protocol/settlement/validator-statement';
import { createSignerConnections, type RemoteSignerOptions, type SignerConnections } from './signer-connections.ts';
import { SignerError } from './signer-error.ts';

/**
 * Connects to a signing key in another process. Every signature is checked before it is used.
 * @throws SignerError `unreachable` if the signer does not answer. `sign` also throws its refusals.
 */
export async function connectSigner(
  crypto: Crypto,
  options: RemoteSignerOptions,
  bls?: Pick<Bls, 'verify'>,
): Promise<ValidatorSigner> {
  const signer = createLink(options);
  const { account, signingKey } = await describe(signer);
  const headKey = await describeHead(signer);
  const quorumKey = bls && (await findShareKey(signer));
  return {
    address: account,
    signingKey,
    ...(headKey && {
      headKey,
      async signHead(statement: StatedBatch) {
        const response = await request(signer, { kind: 'sign-head', statement });
        if (response.kind !== 'head-signed') throw new SignerError('malformed', 'the signer answered another question');
        if (!equalBytes(response.publicKey, headKey)) {
          throw new SignerError('foreign', 'the signer signed with another head key than it named before');
        }
        return response;
      },
    }),
    async sign(statement) {
      const response = await request(signer, { kind: 'sign', statement });
      if (response.kind !== 'signed') throw new SignerError('malformed', 'the signer answered another question');
      const by = crypto.recoverAddress(hashStatement(crypto, statement, signingKey), response.signature);
      if (by === undefined || !equalBytes(by, signingKey)) {
        throw new SignerError('foreign', 'the signer signed with another key than it named before');
      }
      return response.signature;
    },
    ...(bls &&
      quorumKey && {
        quorumKey,
        async signShare(statement: ValidatorStatement) {
          const response = await request(signer, { kind: 'share', statement });
          if (response.kind !== 'shared') throw new SignerError('malformed', 'the signer answered another question');
          const message = encodeShareMessage(crypto, statement, signingKey);
          if (!bls.verify(quorumKey, message, response.share)) {
            throw new SignerError('foreign', 'the signer signed with another key than it named before');
          }
          return response.share;
        },
      }),
  };
}

/**
 * Reads the key of aggregated signatures. Undefined if the signer makes none; an older one does not know the question.
 */
async function findShareKey(signer: SignerLink): Promise<Uint8Array | undefined> {
  try {
    const response = await request(signer, { kind: 'share-key' });
    return response.kind === 'share-key' ? response.key : undefined;
  } catch (error) {
    if (error instanceof SignerError && error.code === 'malformed') return undefined;
    throw error;
  }
}

/** @throws SignerError `unreachable` */
export async function describeSigner(options: RemoteSignerOptions): Promise<SignerDescription> {
  const signer = createLink(options);
  try {
    return await describe(signer);
  } finally {
    signer.connections.close();
  }
}

async function describe(signer: SignerLink): Promise<SignerDescription> {
  const response = await request(signer, { kind: 'describe' });
  if (response.kind !== 'described') throw new SignerError('malformed', 'the signer answered another question');
  return response;
}

/** @returns undefined if the signer has no key for heads, or is an older program. @throws SignerError `unreachable` */
async function describeHead(signer: SignerLink): Promise<Uint8Array | undefined> {
  try {
    const response = await request(signer, { kind: 'describe-head' });
    return response.kind === 'head-described' ? response.publicKey : undefined;
  } catch (error) {
    if (error instanceof SignerError && error.code !== 'unreachable') return undefined;
    throw error;
  }
}

interface SignerLink {
  readonly path: string;
  readonly connections: SignerConnections;
}

const createLink = (options: RemoteSignerOptions): SignerLink => ({
  path: options.path,
  connections: createSignerConnections(options),
});

async function request({ path, connections }: SignerLink, asked: SignerRequest): Promise<SignerResponse> {
  try {
    const response = signerResponseFormat.decode(await connections.ask(signerRequestFormat.encode(asked)));
    if (response.kind === 'refused') throw new SignerError(response.code, `the signer refuses: ${response.reason}`);
    return response;
  } catch (error) {
    if (error instanceof ProtocolError) throw new SignerError('malformed', error.message, { cause: error });
    if (error instanceof SignerError && error.code === 'unreachable') {
      throw new SignerError('unreachable', `the signer at ${path} does not answer: ${error.message}`, { cause: error });
    }
    throw error;
  }
}
