import { homedir } from 'node:os';
import { join } from 'node:path';
import { observationFields } from '@ogong/host/config/common-fields';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, define, duration, hostPort, httpUrl, integer, size, text } from '@ogong/host/config/values';
import { createDatabaseFields } from '@ogong/postgres/database-fields';
import { MEMORY_SCOPES } from '../api/memory-routes.ts';

export const storeFields = {
  dataDir: {
    schema: text,
    label: '<path>',
    env: 'OGONG_MEMORY_DATA_DIR',
    default: join(homedir(), '.ogong', 'memory'),
    description: 'where the sealed memories, the API keys and the key that seals them are kept',
  },
  ...createDatabaseFields('MEMORY'),
  masterKey: {
    schema: text,
    label: '<path>',
    env: 'OGONG_MEMORY_MASTER_KEY',
    description:
      'file of the key that seals the store, created if it is missing; master.key in the data directory if not given. Keep it apart from backups. Daemons with one database have the same',
  },
  passphrase: {
    schema: text,
    secret: true,
    env: 'OGONG_MEMORY_PASSPHRASE',
    description: 'passphrase that gives this key, in place of a file',
  },
} as const;

const scope = define(`one of ${MEMORY_SCOPES.join(', ')}`, `<${MEMORY_SCOPES.join('|')}>`, (value) =>
  MEMORY_SCOPES.find((one) => one === value),
);

export const memorydConfig = defineConfig({
  name: 'ogong-memoryd',
  commands: ['key', 'backup', 'keys-backup', 'restore', 'rotate'],
  summary:
    'The API of memories for assistants and agents. Each memory names the words that it rests on, and the receipts of the calls that made\n' +
    'it. Without API keys it serves this machine alone. Commands: key, backup, keys-backup, restore, rotate.',
  fields: {
    bind: {
      schema: hostPort,
      label: '<addr>',
      env: 'OGONG_MEMORY_BIND',
      default: '127.0.0.1:4549',
      description: 'address of the HTTP API',
    },
    ...storeFields,
    gateway: {
      schema: httpUrl,
      label: '<url>',
      env: 'OGONG_GATEWAY_URL',
      description: 'gateway whose models are asked; local mode is asked if not given',
    },
    apiKey: { schema: text, secret: true, env: 'OGONG_API_KEY', description: 'key of the gateway, which pays' },
    trust: {
      schema: text,
      label: '<path>',
      env: 'OGONG_TRUST',
      description: "JSON file with trusted values for the gateway's receipts: ledger, validators, routers, model roots",
    },
    allow: {
      schema: text,
      label: '<check>',
      env: 'OGONG_ALLOW',
      repeatable: true,
      description: 'a check of receipts that may be skipped; repeat it for several',
    },
    local: {
      schema: httpUrl,
      label: '<url>',
      env: 'OGONG_MEMORY_LOCAL',
      default: 'http://127.0.0.1:11434',
      description: 'local mode whose models are asked (ogong-provider local)',
    },
    model: { schema: text, label: '<name>', required: true, description: 'chat model that proposes memories' },
    embeddingModel: { schema: text, label: '<name>', required: true, description: 'model that makes the vectors' },
    rerankModel: { schema: text, label: '<name>', description: 'model that orders results for rerank: true' },
    maxConnections: { schema: integer({ min: 1, max: 65_536 }), default: '256', description: 'connections at most' },
    connectionsPerAddress: {
      schema: integer({ min: 1, max: 65_536 }),
      default: '64',
      description: 'of these, from one address without a key; behind a proxy as many as --max-connections',
    },
    maxBody: { schema: size, default: '2MiB', description: 'largest request body' },
    bodyTimeout: { schema: duration, default: '15s', description: 'how long a body may take to arrive' },
    origin: {
      schema: text,
      label: '<origin>',
      repeatable: true,
      description: 'web origin whose pages may call, besides those of this machine; * for all',
    },
    allowHost: { schema: text, label: '<name>', repeatable: true, description: 'name that requests may be sent to' },
    ...observationFields,
  },
  examples: [
    'ogong-memoryd --model qwen3-1.7b --embedding-model granite-embedding-107m-multilingual',
    'ogong-memoryd --gateway https://gateway.example --model ogong/verified/qwen/qwen3-8b --embedding-model ogong/verified/qwen/qwen3-embedding-0.6b',
  ],
});

export const keyConfig = defineConfig({
  name: 'ogong-memoryd key',
  summary: 'API keys: add, list, revoke ID. It works beside the daemon. A secret is shown once, when it is made.',
  positionals: { label: '<command> [<id>]', min: 1, max: 2 },
  fields: {
    ...storeFields,
    user: { schema: text, label: '<name>', description: 'user that a new key is for' },
    scope: { schema: scope, repeatable: true, description: 'right of a new key; read and write if not given' },
    lifetime: { schema: duration, description: 'how long a new key is valid; without it, until it is revoked' },
    json: { schema: boolean, boolean: true, description: 'print the result as JSON' },
  },
  examples: [
    'ogong-memoryd key add --user ana',
    'ogong-memoryd key add --user ana --scope read --lifetime 30d',
    'ogong-memoryd key revoke 0f3a66b1c2d4e5f6',
  ],
});

const backupFields = { dataDir: storeFields.dataDir, ...createDatabaseFields('MEMORY') } as const;

export const backupConfig = defineConfig({
  name: 'ogong-memoryd backup',
  summary:
    'Copies the sealed rows, without the keys of users and rows. Nothing in this file opens without a file of keys-backup. Rows in PostgreSQL\n' +
    'are copied by pg_dump instead (docs/backup.md).',
  positionals: { label: '<file>', min: 1, max: 1 },
  fields: backupFields,
  examples: ['ogong-memoryd backup memories.db'],
});

export const keysBackupConfig = defineConfig({
  name: 'ogong-memoryd keys-backup',
  summary:
    'Copies the wrapped keys of users and rows. Keep this file apart, and delete older ones: a deleted memory opens with a key from before.\n' +
    'Keys in PostgreSQL are copied by pg_dump instead (docs/backup.md).',
  positionals: { label: '<file>', min: 1, max: 1 },
  fields: backupFields,
  examples: ['ogong-memoryd keys-backup memory-keys.db'],
});

export const restoreConfig = defineConfig({
  name: 'ogong-memoryd restore',
  summary:
    'Makes a store of a file of backup and one of keys-backup, in a data directory without one. The master key is not in them. With --database\n' +
    'and no files, it removes the rows of a restored database whose keys are missing.',
  positionals: { label: '[<file> <keys>]', min: 0, max: 2 },
  fields: backupFields,
  examples: [
    'ogong-memoryd restore memories.db memory-keys.db --data-dir ./restored',
    'ogong-memoryd restore --database postgres://ogong@db.example/restored',
  ],
});

export const rotateConfig = defineConfig({
  name: 'ogong-memoryd rotate',
  summary:
    'Seals the store under another master key. Stop all daemons of the store before. Backups of keys from before open with the old key alone: make a new one,\n' +
    'and delete them.',
  fields: {
    ...storeFields,
    newMasterKey: {
      schema: text,
      label: '<path>',
      required: true,
      description: 'file of the new key, created if it is missing; name it by --master-key from then on',
    },
  },
  examples: ['ogong-memoryd rotate --new-master-key ~/.ogong/memory/master-2.key'],
});

export type MemorydValues = Extract<ReturnType<typeof memorydConfig.parse>, { kind: 'run' }>['values'];
/** Data directory and database of a store. */
export type MemoryStorePlace = Pick<MemorydValues, 'dataDir' | 'database' | 'databasePassword'>;
export type StoreValues = MemoryStorePlace & Pick<MemorydValues, 'masterKey' | 'passphrase'>;
