import { type BigIntStats, statSync } from 'node:fs';

/**
 * Values of a file that the file system keeps. A write changes at least one of them, unless the writer restores them on
 * purpose.
 */
export interface FileStamp {
  /** Device and inode: the file, whatever it is called. */
  readonly id: string;
  readonly sizeBytes: string;
  readonly mtimeNs: string;
  readonly ctimeNs: string;
}

export const stampOf = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): FileStamp => ({
  id: `${dev}-${ino}`,
  sizeBytes: `${size}`,
  mtimeNs: `${mtimeNs}`,
  ctimeNs: `${ctimeNs}`,
});

/** @throws the file system's error. */
export const readFileStamp = (path: string): FileStamp => stampOf(statSync(path, { bigint: true }));

/** One text for each set of stamps. */
export const formatStamp = ({ id, sizeBytes, mtimeNs, ctimeNs }: FileStamp): string =>
  [id, sizeBytes, mtimeNs, ctimeNs].join();

export const isSameStamp = (a: FileStamp, b: FileStamp): boolean => formatStamp(a) === formatStamp(b);
