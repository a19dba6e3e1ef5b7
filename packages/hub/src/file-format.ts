import { isFolderPath } from '@ogong/protocol/commitment/folder-root';

/** Formats of files. Nothing that executes is among them. `onnx-data` holds weights of an ONNX file beside it. */
export const FILE_FORMATS = ['gguf', 'onnx', 'onnx-data', 'safetensors', 'json', 'text'] as const;
export type FileFormat = (typeof FILE_FORMATS)[number];

/** Names of each format, in lower case. Files of other names are refused, so no name of a program passes. */
const NAMES: Readonly<Record<FileFormat, RegExp>> = {
  gguf: /\.gguf$/,
  onnx: /\.onnx$/,
  'onnx-data': /\.onnx[._]data(?:[._-]\d{1,5})?$/,
  safetensors: /\.safetensors$/,
  json: /\.json$/,
  text: /(?:\.txt|\.md|(?:^|\/)(?:licen[cs]e|notice|readme))$/,
};

/** Device names of Windows, with any ending, and names that end with a point, which Windows drops. */
const UNSAFE_PART = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)|\.$/i;

/** Returns whether a path is relative, printable, stays in its folder, and names a file on each operating system. */
export const isFilePath = (path: string): boolean =>
  isFolderPath(path) && !path.split('/').some((part) => UNSAFE_PART.test(part));

/** Returns whether a path has a name of the format. */
export const hasNameOf = (format: FileFormat, path: string): boolean => NAMES[format].test(path.toLowerCase());
