import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** A file that is no ONNX file, or not a whole one. */
export class OnnxError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'OnnxError';
  }
}

/** Contents of an ONNX file that decide whether and how it runs. Weights are never read. */
export interface OnnxFacts {
  /** Operators of all graphs with the number of their nodes. Operators outside ONNX's own domain stand as `domain:Name`. */
  readonly operators: ReadonlyMap<string, number>;
  /** Files beside this one that hold weights, as the file names them. */
  readonly externalFiles: readonly string[];
  /** Bytes of the weights by ONNX's code of their type. */
  readonly weightBytes: ReadonlyMap<number, number>;
  /** Values of the attribute `accuracy_level` of all nodes. */
  readonly accuracyLevels: ReadonlySet<number>;
}

const MOST_DEPTH = 24;
const MOST_NODES = 1_000_000;
const MOST_NAME = 4_096;
const WINDOW = 1 << 18;

/** Bits of a value, by ONNX's code of its type (onnx.proto, TensorProto.DataType). */
const TYPE_BITS: Readonly<Record<number, number>> = {
  ...{ 1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 16: 16 },
  ...{ 17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4 },
};

/** Counts the values of the weights. */
export const countWeights = ({ weightBytes }: Pick<OnnxFacts, 'weightBytes'>): number =>
  [...weightBytes].reduce((sum, [type, bytes]) => sum + Math.floor((bytes * 8) / (TYPE_BITS[type] ?? 8)), 0);

/** A region of the file, from `at` up to `end`. */
interface Span {
  at: number;
  readonly end: number;
}

interface Field {
  readonly number: number;
  /** A varint or a fixed value. */
  readonly value: number;
  /** Content of a field with a length. */
  readonly span: Span | undefined;
}

/** Reads protobuf fields through one small window of the file. */
class FieldReader {
  readonly #file: number;
  readonly #window = Buffer.alloc(WINDOW);
  #from = 0;
  #length = 0;

  constructor(file: number) {
    this.#file = file;
  }

  #byte(at: number): number {
    if (at < this.#from || at >= this.#from + this.#length) {
      this.#from = at;
      this.#length = readSync(this.#file, this.#window, 0, WINDOW, at);
      if (this.#length === 0) throw new OnnxError('the file ends too early');
    }
    return this.#window[at - this.#from] as number;
  }

  /** @returns the value, wrong above 2^53: lengths are checked against the region, and other large values are not used. */
  varint(span: Span): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (span.at >= span.end) break;
      const byte = this.#byte(span.at++);
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw new OnnxError('a number has no end');
  }

  *fields(parent: Span): Generator<Field> {
    const span = { at: parent.at, end: parent.end };
    while (span.at < span.end) {
      const tag = this.varint(span);
      const number = Math.floor(tag / 8);
      const kind = tag % 8;
      if (kind === 0) {
        yield { number, value: this.varint(span), span: undefined };
        continue;
      }
      const length = kind === 2 ? this.varint(span) : kind === 1 ? 8 : kind === 5 ? 4 : Number.NaN;
      if (!(length <= span.end - span.at)) throw new OnnxError(`field ${number} leaves its message`);
      yield { number, value: 0, span: { at: span.at, end: span.at + length } };
      span.at += length;
    }
  }

  text({ at, end }: Span): string {
    if (end - at > MOST_NAME) throw new OnnxError(`a name of ${end - at} bytes`);
    return Buffer.from(Array.from({ length: end - at }, (_, i) => this.#byte(at + i))).toString('utf8');
  }
}

/**
 * Reads operators and types of weights of an ONNX file. The field numbers are those of onnx.proto.
 * @throws OnnxError, or the file system's error.
 */
export function readOnnxFile(path: string): OnnxFacts {
  const file = openSync(path, 'r');
  try {
    return readModel(new FieldReader(file), { at: 0, end: fstatSync(file).size });
  } finally {
    closeSync(file);
  }
}

function readModel(reader: FieldReader, model: Span): OnnxFacts {
  const operators = new Map<string, number>();
  const externalFiles = new Set<string>();
  const weightBytes = new Map<number, number>();
  const accuracyLevels = new Set<number>();
  let nodes = 0;
  let graphs = 0;

  const readTensor = (span: Span): void => {
    let values = 1;
    let type = 0;
    for (const { number, value, span: content } of reader.fields(span)) {
      if (number === 1 && content) {
        const packed = { ...content };
        while (packed.at < packed.end) values *= reader.varint(packed);
      } else if (number === 1) values *= value;
      else if (number === 2) type = value;
      else if (number === 13 && content) readLocation(content);
    }
    const bits = TYPE_BITS[type];
    if (bits !== undefined) weightBytes.set(type, (weightBytes.get(type) ?? 0) + Math.ceil((values * bits) / 8));
  };
  const readLocation = (span: Span): void => {
    let [key, value] = ['', ''];
    for (const { number, span: content } of reader.fields(span)) {
      if (number === 1 && content) key = reader.text(content);
      else if (number === 2 && content) value = reader.text(content);
    }
    if (key === 'location') externalFiles.add(value);
  };
  const readAttribute = (span: Span, depth: number): void => {
    let name = '';
    for (const { number, value, span: content } of reader.fields(span)) {
      if (number === 1 && content) name = reader.text(content);
      else if (number === 3 && name === 'accuracy_level') accuracyLevels.add(value);
      else if ((number === 5 || number === 10) && content) readTensor(content);
      else if ((number === 6 || number === 11) && content) readGraph(content, depth + 1);
      else if (number === 22 || number === 23) throw new OnnxError('sparse weights are not supported');
    }
  };
  const readNode = (span: Span, depth: number): void => {
    if (++nodes > MOST_NODES) throw new OnnxError(`it has more than ${MOST_NODES} nodes`);
    let [domain, type] = ['', ''];
    for (const { number, span: content } of reader.fields(span)) {
      if (number === 4 && content) type = reader.text(content);
      else if (number === 7 && content) domain = reader.text(content);
      else if (number === 5 && content) readAttribute(content, depth);
    }
    const operator = domain === '' || domain === 'ai.onnx' ? type : `${domain}:${type}`;
    operators.set(operator, (operators.get(operator) ?? 0) + 1);
  };
  const readGraph = (span: Span, depth = 0): void => {
    if (depth > MOST_DEPTH) throw new OnnxError(`its graphs are nested ${depth} deep`);
    for (const { number, span: content } of reader.fields(span)) {
      if (number === 1 && content) readNode(content, depth);
      else if (number === 5 && content) readTensor(content);
      else if (number === 15) throw new OnnxError('sparse weights are not supported');
    }
  };
  for (const { number, span } of reader.fields(model)) {
    if (number === 7 && span) {
      graphs++;
      readGraph(span);
    } else if (number === 25 && span) {
      for (const { number: part, span: node } of reader.fields(span)) if (part === 7 && node) readNode(node, 0);
    }
  }
  if (graphs !== 1) throw new OnnxError(`it has ${graphs} graphs`);
  return { operators, externalFiles: [...externalFiles].sort(), weightBytes, accuracyLevels };
}
