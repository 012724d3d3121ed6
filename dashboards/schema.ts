// Grafana's own types, for files in JSON: there an enumeration is one of its texts.
// A dashboard is put behind `const dashboard: File =` and compiled; nothing is ever run.
import type { AnnotationQuery, Dashboard } from "@grafana/schema";

type Plain<T> = T extends string
  ? `${T}`
  : T extends (infer Item)[]
    ? Plain<Item>[]
    : T extends object
      ? { [Key in keyof T]: Plain<T[Key]> }
      : T;

// What the data source of Prometheus reads beside what all of them do.
type Annotation = Plain<AnnotationQuery> & {
  expr: string;
  titleFormat?: string;
  textFormat?: string;
  step?: string;
};

export type File = Omit<Plain<Dashboard>, "annotations"> & {
  annotations: { list: Annotation[] };
};
