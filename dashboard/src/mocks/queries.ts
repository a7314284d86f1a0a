/** Answers of the mock agents' queries. */
export function answerQuery(name: string, input: unknown): object {
  switch (name) {
    case "ci.pipelines":
      return {
        pipelines: Array.from({ length: 8 }, (_, index) => ({
          repository: index % 2 ? "acme/shop" : "acme/billing-service",
          ref: index % 3 ? "refs/heads/main" : "refs/heads/coupons",
          result: index === 2 ? "failed" : "succeeded",
          duration: `PT${index + 1}M12S`,
        })),
      };
    case "monitoring.series": {
      const now = Math.floor(Date.now() / 60_000) * 60;
      const values = (offset: number) =>
        Array.from({ length: 61 }, (_, index) => [
          now - (60 - index) * 60,
          offset + Math.sin(index / 7) * 12 + (index % 5),
        ]);
      return {
        series: [
          { labels: { pod: "checkout-1" }, points: values(120) },
          { labels: { pod: "checkout-2" }, points: values(160) },
        ],
      };
    }
    case "monitoring.alerts":
      return { firing: 3 };
    case "cloud.identity":
      return {
        account: "123456789012",
        arn: "arn:aws:sts::123456789012:assumed-role/opsrail/cloud",
        partition: "aws",
      };
    default:
      return { echo: input ?? null };
  }
}
