import { toPrintable } from '@ogong/protocol/base/printable';

/** Exit codes of programs. The numbers are those of sysexits(3), which init systems and scripts know. */
export const EXIT = {
  ok: 0,
  usage: 64,
  data: 65,
  unavailable: 69,
  software: 70,
  io: 74,
  temporary: 75,
  permission: 77,
  configuration: 78,
  /** As shells say it of a program that Ctrl-C ended. */
  interrupted: 130,
} as const;

const BY_CODE: Readonly<Record<string, number>> = {
  // ConfigError
  usage: EXIT.usage,
  // KeyFileError
  permissions: EXIT.permission,
  malformed: EXIT.configuration,
  unreadable: EXIT.configuration,
  unwritable: EXIT.configuration,
  // DataDirectoryError
  // BackupError
  'damaged-backup': EXIT.data,
  'not-a-backup': EXIT.data,
  'not-empty': EXIT.usage,
  'handed-over': EXIT.configuration,
  'older-copy': EXIT.configuration,
  // TierError
  'tier-refused': EXIT.configuration,
  // StoreError
  'disk-full': EXIT.io,
  io: EXIT.io,
  corrupt: EXIT.data,
  // ModelError
  'not-convertible': EXIT.data,
  // TransferError
  'not-listed': EXIT.data,
  'bad-manifest': EXIT.data,
  'bad-content': EXIT.data,
  'no-room': EXIT.io,
  // EvidenceError
  'evidence-form': EXIT.data,
  // TableError
  'bad-table': EXIT.data,
  'bad-signature': EXIT.data,
  busy: EXIT.temporary,
  'read-only': EXIT.permission,
  version: EXIT.configuration,
  closed: EXIT.software,
  // LinkError
  unreachable: EXIT.unavailable,
  timeout: EXIT.unavailable,
  'rate-limited': EXIT.temporary,
  'wrong-certificate': EXIT.configuration,
  unauthorized: EXIT.permission,
  // ChainError
  reverted: EXIT.data,
  'too-costly': EXIT.data,
  'no-coin': EXIT.usage,
  'too-early': EXIT.temporary,
  'bad-input': EXIT.usage,
  'no-account': EXIT.usage,
  'wrong-chain': EXIT.configuration,
  // the system
  EADDRINUSE: EXIT.unavailable,
  EADDRNOTAVAIL: EXIT.configuration,
  EACCES: EXIT.permission,
  EPERM: EXIT.permission,
  ENOENT: EXIT.configuration,
  EISDIR: EXIT.configuration,
  ENOTDIR: EXIT.configuration,
  EROFS: EXIT.io,
  EMFILE: EXIT.temporary,
  EPIPE: EXIT.io,
  ENOSPC: EXIT.io,
  ECONNREFUSED: EXIT.unavailable,
  ENOTFOUND: EXIT.unavailable,
};

/** Texts for the system's error codes. The modules' own errors are written for users already. */
const SYSTEM_WORDS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the address is in use: stop the other program or choose another port',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOENT: 'no such file or directory',
  EISDIR: 'this is a directory; name a file',
  ENOTDIR: 'a part of this path is a file and no directory',
  EROFS: 'this place cannot be written to',
  EMFILE: 'too many files are open; raise the limit (ulimit -n) or stop other programs',
  EPIPE: 'the reader of the output has closed it',
  ENOSPC: 'the disk is full',
  ECONNREFUSED: 'no program listens at that address',
  ENOTFOUND: 'no such host',
};

export function getExitCode(error: unknown): number {
  return BY_CODE[getCode(error) ?? ''] ?? (isExpected(error) ? EXIT.unavailable : EXIT.software);
}

/** Message for a user: no stack, no type names. */
export function describeFailure(error: unknown): string {
  // A message may quote a server's text.
  return toPrintable(wordFailure(error));
}

function wordFailure(error: unknown): string {
  if (!(error instanceof Error)) return `internal error: ${String(error)}`;
  const words = SYSTEM_WORDS[getCode(error) ?? ''];
  if (words) {
    const { address, port, path } = error as { address?: string; port?: number; path?: string };
    const where = path ?? (port === undefined ? address : `${address ?? ''}:${port}`);
    return where === undefined ? words : `${where}: ${words}`;
  }
  return isExpected(error) ? error.message : `internal error: ${error.message}`;
}

/** Explains why a file that the user named cannot be used. The caller adds its name. */
export function explainFile(error: unknown): string {
  if (error instanceof SyntaxError) return 'it is not JSON';
  return SYSTEM_WORDS[getCode(error) ?? ''] ?? (error as Error).message;
}

/** The convention of every module: an expected failure is an Error with a code and a `retryable`. */
function isExpected(error: unknown): boolean {
  return error instanceof Error && getCode(error) !== undefined && 'retryable' in error;
}

function getCode(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : undefined;
}
