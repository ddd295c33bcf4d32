/** The letters of a job's arms, in order; at most four are shown. */
export const TAGS = ["A", "B", "C", "D"];
