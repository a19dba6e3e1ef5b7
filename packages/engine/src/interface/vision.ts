/** One decoded picture. */
export interface RgbPicture {
  readonly width: number;
  readonly height: number;
  /** u8[height * width * 3], row by row. */
  readonly rgb: Uint8Array;
}

/** A picture as a language model reads it. */
export interface EncodedPicture {
  /**
   * The parts of the prompt that replace the template's picture mark: texts of control tokens, and numbers of rows. Examples are `[16]`
   * and `['<fake_token_around_image><global-img>', 64, '<fake_token_around_image>']`.
   */
  readonly pieces: readonly (string | number)[];
  /** f32[rows, rowSize]; the numbers of `pieces` add up to `rows`. */
  readonly rows: Float32Array;
  /**
   * The grid of each run of rows, for models with M-RoPE: its height and width in rows. The temporal position is that of one picture.
   * Absent if the positions of rows are those of tokens.
   */
  readonly grids?: readonly (readonly [height: number, width: number])[];
}

/** Properties of an encoder of pictures with its projector. */
export interface PictureEncoderInfo {
  /** Root of the encoder's folder (docs/spec/model-folder.md), 32 bytes. */
  readonly root: Uint8Array;
  readonly numericClass: string;
  /** True if any encoder of the same class computes the same bits. */
  readonly exact: boolean;
  /** Values of a row: the width of the language model's embeddings. */
  readonly rowSize: number;
  /** Text of the control token that stands for a picture in a chat template, such as `<image>`. */
  readonly mark: string;
  /** The most rows of one picture. */
  readonly mostRows: number;
}

/** One loaded encoder that turns pictures into rows of a language model's input. */
export interface PictureEncoder {
  info(): PictureEncoderInfo;
  /** The pieces of a picture of this size, without any run. @throws EngineError `invalid-request` for a size that it cannot read. */
  measure(size: Omit<RgbPicture, 'rgb'>): EncodedPicture['pieces'];
  /** @throws EngineError `invalid-request` for a picture that the encoder cannot read. */
  encode(picture: RgbPicture, options?: { readonly signal?: AbortSignal }): Promise<EncodedPicture>;
  close(): Promise<void>;
}
