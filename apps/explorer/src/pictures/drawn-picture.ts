/** A picture that a page draws. */
export interface DrawnPicture {
  readonly width: number;
  readonly height: number;
  /** RGB8, row by row. */
  readonly pixels: Uint8Array;
}
