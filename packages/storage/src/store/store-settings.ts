import { Secret } from '@ogong/host/crypto/secret';
import { DEFAULT_HUB, readHubAccess } from '@ogong/models/hub';
import { isLoopbackHost } from '@ogong/protocol/base/loopback';
import { HubStoreError } from './hub-store-error.ts';

/** Variables of an environment. Keys come from it alone: an address goes to logs and to the ledger. */
export type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_REGION = 'us-east-1';
const DEFAULT_EPOCHS = 5;
const DEFAULT_PIECE_BYTES = 2 ** 30;

/** Returns a variable that a store needs. @throws HubStoreError `missing-setting`. */
export function readSetting(env: Environment, name: string, use: string): string {
  const value = env[name];
  if (value === undefined || value === '') throw new HubStoreError('missing-setting', `set ${name}: ${use}`);
  return value;
}

/** Returns the address of a service without a slash at its end. @throws HubStoreError `bad-address`. */
export function toServiceAddress(name: string, address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const isSafe = url !== undefined && (url.protocol === 'https:' || isLoopbackHost(url.hostname));
  if (!isSafe || url.username !== '' || url.password !== '' || /[?#]/.test(address))
    throw new HubStoreError('bad-address', `${name} is no https address without keys and queries`);
  return url.href.replace(/\/+$/, '');
}

const readService = (env: Environment, name: string, use: string): string =>
  toServiceAddress(name, readSetting(env, name, use));

function readNumber(env: Environment, name: string, usual: number): number {
  const value = Number(env[name] ?? usual);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new HubStoreError('missing-setting', `${name} is no whole number above 0`);
  return value;
}

const readList = (env: Environment, name: string): string[] =>
  (env[name] ?? '').split(/[\s,]+/).filter((item) => item !== '');

/** Service and region of S3. */
export function readS3Service(env: Environment): { readonly region: string; readonly endpoint: string | undefined } {
  const endpoint = env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL;
  return {
    region: env.AWS_REGION ?? DEFAULT_REGION,
    endpoint: endpoint === undefined ? undefined : toServiceAddress('AWS_ENDPOINT_URL_S3', endpoint),
  };
}

/** Keys of S3. @returns undefined if neither is set. */
export function readS3Keys(env: Environment) {
  const accessKeyId = env.AWS_ACCESS_KEY_ID ?? '';
  const secret = env.AWS_SECRET_ACCESS_KEY ?? '';
  if (accessKeyId === '' && secret === '') return undefined;
  const use = 'a store on S3 needs both keys';
  readSetting(env, 'AWS_ACCESS_KEY_ID', use);
  return { accessKeyId, secretAccessKey: new Secret(readSetting(env, 'AWS_SECRET_ACCESS_KEY', use)) };
}

export const readIpfsNode = (env: Environment) => ({
  listen: readList(env, 'OGONG_IPFS_LISTEN'),
  peers: readList(env, 'OGONG_IPFS_PEERS'),
});

/** A server of HTTP that reads IPFS. */
export const readIpfsGateway = (env: Environment): string | undefined =>
  env.OGONG_IPFS_GATEWAY === undefined ? undefined : readService(env, 'OGONG_IPFS_GATEWAY', '');

export const readWalrusAggregator = (env: Environment): string =>
  readService(env, 'WALRUS_AGGREGATOR', 'the aggregator that reads, such as http://127.0.0.1:31415');

export const readWalrus = (env: Environment) => ({
  publisher: readService(env, 'WALRUS_PUBLISHER', 'the publisher that stores, such as http://127.0.0.1:31415'),
  aggregator: readWalrusAggregator(env),
  token: env.WALRUS_TOKEN === undefined ? undefined : new Secret(env.WALRUS_TOKEN),
  epochs: readNumber(env, 'WALRUS_EPOCHS', DEFAULT_EPOCHS),
  pieceBytes: readNumber(env, 'WALRUS_PIECE_BYTES', DEFAULT_PIECE_BYTES),
});

/** The service of Hugging Face, and the token if there is one. */
export function readHuggingFace(env: Environment) {
  const { endpoint = DEFAULT_HUB, token } = readHubAccess(env);
  return {
    endpoint: toServiceAddress('HF_ENDPOINT', endpoint),
    token: token === undefined ? undefined : new Secret(token),
  };
}
