"""Error responses as real endpoints send them, each with the failure class a right client puts it in.

Money and unknown models come under many statuses, so code, type and text decide before the status does.
Sources of the texts: https://github.com/songquanpeng/one-api, https://github.com/QuantumNous/new-api,
https://platform.openai.com/docs/guides/error-codes, https://api-docs.deepseek.com/quick_start/error_codes,
https://openrouter.ai/docs/api/reference/errors-and-debugging, https://docs.bigmodel.cn/cn/api/api-code,
and answers seen of LiteLLM, vLLM, llama.cpp, Ollama and Azure.
"""

import json
from dataclasses import dataclass
from typing import Any

from .replies import JSON, Headers, Json, Raw, Reply, Status, encode, event, redirect


@dataclass(frozen=True, slots=True)
class StatusCase:
    """`repair` names what to leave out or swap before the repeat: max_tokens, max_completion_tokens, temperature,
    stream_options, images, image_count (some of the pictures), image (one of them). Waits: `retry_after_s` in seconds,
    `retry_at_s` as Unix time.
    """

    name: str
    reply: Reply
    failure: str
    repair: str | None = None
    retry_after_s: float | None = None
    retry_at_s: float | None = None


STATUSES: dict[str, StatusCase] = {}


def case(
    name: str, failure: str, status: int, body: Json | str = "", headers: Headers = (), **more: Any
) -> None:
    assert name not in STATUSES, name
    STATUSES[name] = StatusCase(name, Status(status, body, headers), failure, **more)


def said(message: str, kind: str | None = None, code: object = None, **more: object) -> Json:
    return {"error": {"message": message, "type": kind, "param": None, "code": code} | more}


def oneapi(message: str, code: object = None, kind: str = "new_api_error") -> Json:
    """one-api and new-api end each text with the request id."""
    return said(f"{message} (request id: 20261122100000123456789abcdEFGH)", kind, code)


INVALID = "invalid_request_error"

# 400: a parameter, repaired once and remembered
case(
    "max_tokens_openai",
    "bad_request",
    400,
    said(
        "Unsupported parameter: 'max_tokens' is not supported with this model. "
        "Use 'max_completion_tokens' instead.",
        INVALID,
        "unsupported_parameter",
        param="max_tokens",
    ),
    repair="max_tokens",
)
case(
    "max_tokens_azure_through_newapi",
    "bad_request",
    400,
    oneapi(
        "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        400,
        "upstream_error",
    ),
    repair="max_tokens",
)
case(
    "max_completion_tokens_unrecognized",
    "bad_request",
    400,
    said("Unrecognized request argument supplied: max_completion_tokens", INVALID),
    repair="max_completion_tokens",
)
case(
    "max_completion_tokens_pydantic",
    "bad_request",
    422,
    {
        "detail": [
            {
                "type": "extra_forbidden",
                "loc": ["body", "max_completion_tokens"],
                "msg": "Extra inputs are not permitted",
            }
        ]
    },
    repair="max_completion_tokens",
)
case(
    "temperature_openai",
    "bad_request",
    400,
    said(
        "Unsupported value: 'temperature' does not support 0.7 with this model. "
        "Only the default (1) value is supported.",
        INVALID,
        "unsupported_value",
        param="temperature",
    ),
    repair="temperature",
)
case(
    "stream_options_azure",
    "bad_request",
    400,
    oneapi("Unrecognized request argument supplied: stream_options", None, "upstream_error"),
    repair="stream_options",
)
case(
    "stream_options_databricks",
    "bad_request",
    400,
    {"error_code": "BAD_REQUEST", "message": 'Bad request: json: unknown field "stream_options"'},
    repair="stream_options",
)
case(
    "stream_options_pydantic",
    "bad_request",
    422,
    {
        "detail": [
            {
                "type": "extra_forbidden",
                "loc": ["body", "stream_options"],
                "msg": "Extra inputs are not permitted",
            }
        ]
    },
    repair="stream_options",
)
case(
    "images_openai",
    "bad_request",
    400,
    said(
        "Invalid content type. image_url is only supported by certain models.",
        INVALID,
        param="messages.[1].content.[1].type",
    ),
    repair="images",
)
case(
    "images_deepseek",
    "bad_request",
    400,
    said(
        "Failed to deserialize the JSON body into the target type: messages[1]: unknown variant `image_url`, "
        "expected `text` at line 1 column 278",
        INVALID,
        "invalid_request_error",
    ),
    repair="images",
)
case(
    "images_text_only",
    "bad_request",
    400,
    said("This model does not support image inputs.", "BadRequestError", 400),
    repair="images",
)
case(
    "images_vllm",
    "bad_request",
    400,
    said("At most 0 image(s) may be provided in one prompt.", "BadRequestError", 400),
    repair="images",
)
case(
    "images_openrouter",
    "bad_request",
    404,
    said("No endpoints found that support image input", None, 404),
    repair="images",
)

# 400, 404, 415, 422, 500: the model does not see. Sources: https://github.com/zai-org/feedback/issues/570,
# https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/362, https://github.com/XiaomiMiMo/MiMo/issues/62,
# the servers of Ollama and llama.cpp
for name, status, body in (
    ("volcengine", 400, said("Model do not support image input.", INVALID, "InvalidParameter")),
    ("lmstudio", 400, {"error": "Model does not support images. Please use a model that does."}),
    ("value", 400, said("Invalid value: 'image_url'. Supported values are: 'text' and 'refusal'.", INVALID)),
    ("gemini", 400, said("Image input modality is not enabled for models/x", "INVALID_ARGUMENT", 400)),
    ("vllm_text_model", 400, said("x is not a multimodal model", "BadRequestError", 400)),
    ("litellm", 415, said("litellm.BadRequestError: x doesn't support vision", None, "415")),
    (
        "string",
        422,
        {"detail": [{"loc": ["body", "messages", 0, "content"], "msg": "Input should be a valid string"}]},
    ),
    ("chinese", 400, oneapi("此模型不支持图像输入。请尝试其他模型")),
    ("ollama", 500, said("Failed to create new sequence: this model is missing data required for image input")),
    (
        "llamacpp",
        500,
        said("image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"),
    ),
):
    case(f"images_{name}", "bad_request", status, body, repair="images")

# 400, 413: too many pictures. https://github.com/vllm-project/vllm/issues/17092,
# https://github.com/microsoft/vscode/issues/306919, https://github.com/microsoft/vscode/issues/310937,
# https://github.com/anomalyco/opencode/issues/47721, https://github.com/anthropics/claude-code/issues/24541
for name, status, body in (
    ("openai", 400, said("Too many images in request. Max is 5.", INVALID)),
    ("vllm", 400, said("At most 5 image(s) may be provided in one request.", "BadRequestError", 400)),
    (
        "copilot",
        400,
        said("Too many images in request: 6 images provided, but the model supports a maximum of 5 images."),
    ),
    ("url", 400, said("too many URL images in request (max 5)", None, "")),
    (
        "console",
        400,
        said("request contains 6 images, exceeding the maximum of 5 allowed per request", INVALID),
    ),
    ("anthropic", 400, said("too many images and documents: 6 + 0 > 5", INVALID)),
    ("chinese", 400, oneapi("图片数量超过限制，最多 5 张图片")),
    ("413", 413, said("The number of images exceeds the limit: 5", INVALID)),
):
    case(f"many_images_{name}", "bad_request", status, body, repair="image_count")

# 400, 413, 415, 422, 500: one of the pictures. https://github.com/openai/openai-node/issues/1463,
# https://github.com/anthropics/claude-code/issues/5147, https://github.com/smallmain/vscode-unify-chat-provider/issues/244,
# https://github.com/machine-theory/lm-council/issues/14
for name, status, body in (
    (
        "openai",
        400,
        said(
            "You uploaded an unsupported image. Please make sure your image has of one the following formats: "
            "['png', 'jpeg', 'gif', 'webp'].",
            INVALID,
            "invalid_image_format",
        ),
    ),
    ("openai_data", 400, said("Invalid base64 image_url.", INVALID, "invalid_base64")),
    ("anthropic", 400, said("Could not process image", INVALID)),
    (
        "anthropic_size",
        400,
        said(
            "messages.1.content.1.image.source.base64: image exceeds 5 MB maximum: 6291456 bytes > 5242880 bytes",
            INVALID,
        ),
    ),
    (
        "anthropic_pixels",
        400,
        said(
            "messages.7.content.3.image.source.base64.data: At least one of the image dimensions exceed max "
            "allowed size for many-image requests: 2000 pixels",
            INVALID,
        ),
    ),
    (
        "xai",
        415,
        {"code": "415", "error": "Unsupported media type: image/webp. Only jpeg and png are supported."},
    ),
    ("kimi", 400, said("Invalid request: unsupported image format: image/webp", INVALID)),
    ("fireworks", 400, said("Cannot decode or download image , ", INVALID)),
    ("gemini", 400, said("Unable to process input image. Please retry or report.", "INVALID_ARGUMENT", 400)),
    ("vllm", 400, said("cannot identify image file", "BadRequestError", 400)),
    ("pydantic", 422, {"detail": [{"loc": ["body", "messages"], "msg": "Value error, invalid image"}]}),
    ("llamacpp", 400, said("Failed to load image or audio file", INVALID, 400)),
    ("ollama", 500, said("image: unknown format", "api_error")),
    ("large", 413, said("The image is too large", INVALID)),
    ("chinese", 400, said("图片输入格式/解析错误", None, "1210")),
):
    case(f"bad_image_{name}", "bad_request", status, body, repair="image")

# 400: too long for the model (also under 413, 422 and 500)
case(
    "context_openai",
    "context_overflow",
    400,
    said(
        "This model's maximum context length is 128000 tokens. However, your messages resulted in "
        "130001 tokens. Please reduce the length of the messages.",
        INVALID,
        "context_length_exceeded",
        param="messages",
    ),
)
case(
    "context_vllm",
    "context_overflow",
    400,
    {
        "object": "error",
        "message": "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens.",
        "type": "BadRequestError",
        "param": None,
        "code": 400,
    },
)
case(
    "context_llamacpp",
    "context_overflow",
    400,
    {
        "error": {
            "code": 400,
            "message": "the request exceeds the available context size, try increasing it",
            "type": "exceed_context_size_error",
            "n_prompt_tokens": 9001,
            "n_ctx": 8192,
        }
    },
)
case(
    "context_tgi",
    "context_overflow",
    422,
    {
        "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096.",
        "error_type": "validation",
    },
)
case(
    "context_413",
    "context_overflow",
    413,
    said("Your input exceeds the maximum number of tokens allowed (32768)."),
)
case(
    "context_500",
    "context_overflow",
    500,
    said("the request exceeds the available context size", "server_error", 500),
)

# 400 and 422: our fault
case("bad_request", "bad_request", 400, said("Invalid type for 'messages[0].content'", INVALID, "invalid_type"))
case("bad_request_reference", "bad_request", 400, {"message": "请求体格式错误"})
case(
    "bad_request_too_long_string",
    "bad_request",
    400,
    said("Invalid 'user': string too long.", INVALID, "string_above_max_length"),
)
case(
    "bad_request_fastapi",
    "bad_request",
    422,
    {"detail": [{"loc": ["body", "messages"], "msg": "field required"}]},
)
case("bad_request_text", "bad_request", 400, "Bad Request")

# 400 and 403: policy
case(
    "policy_azure",
    "policy",
    400,
    said(
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        None,
        "content_filter",
        param="prompt",
        status=400,
        innererror={"code": "ResponsibleAIPolicyViolation"},
    ),
)
case(
    "policy_openai",
    "policy",
    400,
    said("Your request was rejected as a result of our safety system.", INVALID, "content_policy_violation"),
)
case("policy_newapi", "policy", 400, oneapi("sensitive words detected: ***", "sensitive_words_detected"))
case("policy_newapi_blocked", "policy", 400, oneapi("请求被上游拦截", "prompt_blocked"))
case(
    "policy_glm",
    "policy",
    400,
    {
        "contentFilter": [{"level": 1, "role": "user"}],
        "error": {
            "code": "1301",
            "message": "系统检测到输入或生成内容可能包含不安全或敏感内容，"
            "请您避免输入易产生敏感内容的提示语，感谢您的配合。",
        },
    },
)
case(
    "policy_dashscope",
    "policy",
    400,
    said("Input data may contain inappropriate content.", "data_inspection_failed", "data_inspection_failed"),
)
case(
    "policy_openrouter",
    "policy",
    403,
    {
        "error": {
            "code": 403,
            "message": 'Your chosen model requires moderation and your input was flagged for "violence".',
            "metadata": {"reasons": ["violence"], "flagged_input": "…", "provider_name": "test"},
        }
    },
)

# 401: the key (LiteLLM without a database says 400)
KEY = "Incorrect API key provided: sk-test***abcd. You can find your API key at https://platform.openai.com/account/api-keys."
case("key_openai", "bad_key", 401, said(KEY, INVALID, "invalid_api_key"), (("WWW-Authenticate", "Bearer"),))
case("key_oneapi", "bad_key", 401, oneapi("无效的令牌", None, "one_api_error"))
case("key_oneapi_expired", "bad_key", 401, oneapi("该令牌已过期", None, "one_api_error"))
case("key_oneapi_disabled", "bad_key", 401, oneapi("该令牌状态不可用", None, "one_api_error"))
case("key_reference", "bad_key", 401, {"message": "认证失败"})
case("key_without_body", "bad_key", 401)
case("key_html", "bad_key", 401, "<html><head><title>401 Authorization Required</title></head></html>")
case(
    "key_newapi_dashboard",
    "bad_key",
    401,
    {"success": False, "message": "无权进行此操作，未登录且未提供 access token"},
)
case("key_litellm_without_db", "bad_key", 400, said("No connected db.", "no_db_connection", "400"))

# 401, 402, 403, 429, 400, 200: money
case("money_401_oneapi", "no_money", 401, oneapi("该令牌额度已用尽", None, "one_api_error"))
case(
    "money_401_newapi",
    "no_money",
    401,
    oneapi("该令牌额度已用尽 !token.UnlimitedQuota && token.RemainQuota = 0"),
)
case(
    "money_402_deepseek",
    "no_money",
    402,
    said("Insufficient Balance", "unknown_error", "invalid_request_error"),
)
case("money_402_reference", "no_money", 402, {"message": "余额不足"})
case("money_402_without_body", "no_money", 402)
case(
    "money_402_openrouter",
    "no_money",
    402,
    {"error": {"code": 402, "message": "Insufficient credits. Add more using https://openrouter.ai/credits"}},
)
case(
    "money_403_newapi",
    "no_money",
    403,
    oneapi("用户额度不足, 剩余额度: ＄0.000000", "insufficient_user_quota"),
)
case(
    "money_403_newapi_reserve",
    "no_money",
    403,
    oneapi("预扣费额度失败, 用户剩余额度: ＄0.056700, 需要预扣费额度: ＄0.069900", "insufficient_user_quota"),
)
case("money_403_newapi_token", "no_money", 403, oneapi("令牌额度不足", "pre_consume_token_quota_failed"))
case("money_403_text_only", "no_money", 403, oneapi("user quota is not enough", None, "one_api_error"))
case(
    "money_403_siliconflow",
    "no_money",
    403,
    {"code": 30001, "message": "Sorry, your account balance is insufficient", "data": None},
)
QUOTA = "You exceeded your current quota, please check your plan and billing details."
case("money_429_openai", "no_money", 429, said(QUOTA, "insufficient_quota", "insufficient_quota"))
case(
    "money_429_with_retry_after",
    "no_money",
    429,
    said(QUOTA, "insufficient_quota", "insufficient_quota"),
    (("Retry-After", "1"),),
)
case(
    "money_429_litellm",
    "no_money",
    429,
    said(f"litellm.RateLimitError: OpenAIException - {QUOTA}", "throttling_error", "429"),
)
for code in (
    "credit_balance_exhausted",
    "project_spend_limit_exceeded",
    "organization_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
):
    case(f"money_429_{code}", "no_money", 429, said("The limit has been reached.", "insufficient_quota", code))
# The text is that of a rate limit; only type and code name the cause.
case(
    "money_429_newapi",
    "no_money",
    429,
    said("当前分组上游负载已饱和，请稍后再试", "insufficient_quota", "insufficient_user_quota"),
)
case("money_429_glm", "no_money", 429, {"error": {"code": "1113", "message": "您的账户已欠费，请充值后重试。"}})
case("money_400", "no_money", 400, said("Your credit balance is too low to access the API.", INVALID))
case("money_200", "no_money", 200, oneapi("该令牌额度已用尽", None, "one_api_error"))
case("money_200_english", "no_money", 200, said(QUOTA, "insufficient_quota", "insufficient_quota"))
MONEY_CHUNK = Raw((event(said(QUOTA, "insufficient_quota", "insufficient_quota")),))
STATUSES["money_200_in_stream"] = StatusCase("money_200_in_stream", MONEY_CHUNK, "no_money")
# 402 with Retry-After is a matter of waiting. https://openrouter.ai/docs/api/reference/limits
IN_FLIGHT = {
    "code": 402,
    "message": "This request would exceed your available credits given your current in-flight requests.",
    "metadata": {"reason": "in_flight_budget_exhausted", "limit_source": "openrouter_in_flight_budget"},
}
case(
    "busy_402_openrouter",
    "rate_limited",
    402,
    {"error": IN_FLIGHT},
    (("Retry-After", "3"),),
    retry_after_s=3.0,
)

# 403: anything else
case("forbidden_ip", "forbidden", 403, oneapi("您的 IP 不在令牌允许访问的列表中", "access_denied"))
case(
    "forbidden_region",
    "forbidden",
    403,
    said(
        "Country, region, or territory not supported",
        "request_forbidden",
        "unsupported_country_region_territory",
    ),
)
case("forbidden_banned", "forbidden", 403, oneapi("用户已被封禁", None, "one_api_error"))
case(
    "forbidden_html",
    "forbidden",
    403,
    "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head></html>",
)
case("forbidden_without_body", "forbidden", 403)

# 400, 403, 404, 503: no such model
case(
    "model_400_litellm",
    "no_model",
    400,
    said("/chat/completions: Invalid model name passed in model=x. Call `/v1/models`", INVALID, "400"),
)
case("model_400_deepseek", "no_model", 400, said("Model Not Exist", INVALID, INVALID))
case("model_403_oneapi", "no_model", 403, oneapi("该令牌无权使用模型：x", None, "one_api_error"))
case("model_403_newapi", "no_model", 403, oneapi("该令牌无权访问模型 x"))
case(
    "model_404_openai",
    "no_model",
    404,
    said("The model `x` does not exist or you do not have access to it.", INVALID, "model_not_found"),
)
case(
    "model_404_vllm",
    "no_model",
    404,
    {
        "object": "error",
        "message": "The model `x` does not exist.",
        "type": "NotFoundError",
        "param": None,
        "code": 404,
    },
)
case("model_404_ollama", "no_model", 404, said("model 'x' not found", "not_found_error"))
case("model_404_openrouter", "no_model", 404, said("No endpoints found for x.", None, 404))
case("model_404_reference", "no_model", 404, {"message": "模型不存在"})
case("model_503_newapi", "no_model", 503, oneapi("当前分组 default 下对于模型 x 无可用渠道", "model_not_found"))
case(
    "model_503_newapi_english",
    "no_model",
    503,
    oneapi("No available channel for model x under group default", "model_not_found"),
)
case(
    "model_503_oneapi",
    "no_model",
    503,
    oneapi("当前分组 default 下对于模型 x 无可用渠道", None, "one_api_error"),
)

# 404, 3xx, HTML under 200: wrong base URL
case("url_404_openai", "wrong_url", 404, said("Invalid URL (POST /v1/v1/chat/completions)", INVALID))
case("url_404_html", "wrong_url", 404, "<html>\r\n<head><title>404 Not Found</title></head>\r\n</html>\r\n")
case("url_404_gin", "wrong_url", 404, "404 page not found")
case("url_404_fastapi", "wrong_url", 404, {"detail": "Not Found"})
case("url_404_without_body", "wrong_url", 404)
case("url_405", "wrong_url", 405, {"detail": "Method Not Allowed"}, (("Allow", "GET"),))
case("url_200_html", "wrong_url", 200, "<!doctype html><html><body><div id=root></div></body></html>")
STATUSES["url_301"] = StatusCase("url_301", redirect(301, "https://localhost/v1/chat/completions"), "wrong_url")

# 408, 409, 425: once more
for status in (408, 409, 425):
    case(
        f"server_{status}",
        "server_error",
        status,
        said("litellm.Timeout: Connection timed out.", None, str(status)),
    )

# 413: too large
case("large_json", "too_large", 413, oneapi("request body too large"))
case("large_html", "too_large", 413, "<html><head><title>413 Request Entity Too Large</title></head></html>")

# 429: the rate, with every form of the wait. Unix time 1795341607 is 2026-11-22 10:00:07 UTC
RATE = said("Rate limit reached for requests", "requests", "rate_limit_exceeded")
NOW: Headers = (("Date", "Sun, 22 Nov 2026 10:00:00 GMT"),)
case("rate_without_wait", "rate_limited", 429, RATE)
case("rate_seconds", "rate_limited", 429, RATE, (("Retry-After", "7"),), retry_after_s=7.0)
case("rate_float", "rate_limited", 429, RATE, (("retry-after", "0.25"),), retry_after_s=0.25)
case("rate_far_off", "rate_limited", 429, RATE, (("Retry-After", "3600"),), retry_after_s=3600.0)
case(
    "rate_date",
    "rate_limited",
    429,
    RATE,
    (*NOW, ("Retry-After", "Sun, 22 Nov 2026 10:00:07 GMT")),
    retry_at_s=1795341607.0,
)
case(
    "rate_ms",
    "rate_limited",
    429,
    RATE,
    (("retry-after-ms", "1500"), ("Retry-After", "2")),
    retry_after_s=1.5,
)
case("rate_litellm", "rate_limited", 429, RATE, (("llm_provider-retry-after", "7"),), retry_after_s=7.0)
case("rate_nonsense", "rate_limited", 429, RATE, (("Retry-After", "soon"),))
case("rate_negative", "rate_limited", 429, RATE, (("Retry-After", "-1"),))
case("rate_newapi", "rate_limited", 429, oneapi("当前分组上游负载已饱和，请稍后再试", None, "upstream_error"))
case("rate_reference", "rate_limited", 429, {"message": "请求频率过高"})
case(
    "rate_glm",
    "rate_limited",
    429,
    {"error": {"code": "1302", "message": "您当前使用该API的并发数过高，请降低并发，或联系客服增加限额。"}},
)
case(
    "rate_openai_slow_down",
    "rate_limited",
    429,
    said("Please slow down.", "slow_down", "slow_down"),
    (("Retry-After", "5"),),
    retry_after_s=5.0,
)
# Google words a limit per minute as OpenAI words a used-up plan, and sends a list.
# https://github.com/ogkalu2/comic-translate/issues/403
GOOGLE = f"{QUOTA} * Quota exceeded for metric: generate_content_free_tier_requests, limit: 20\nPlease retry in 7.5s."
case(
    "rate_google",
    "rate_limited",
    429,
    json.dumps([{"error": {"code": 429, "message": GOOGLE, "status": "RESOURCE_EXHAUSTED"}}]),
    retry_after_s=7.5,
)
case(
    "rate_openrouter_raw",
    "rate_limited",
    429,
    {
        "error": {
            "code": 429,
            "message": "Provider returned error",
            "metadata": {
                "raw": "x is temporarily rate-limited upstream. Please retry shortly.",
                "provider_name": "test",
            },
        }
    },
)
case("rate_html", "rate_limited", 429, "<html><body>error code: 1015</body></html>")

# 5xx
case(
    "server_500",
    "server_error",
    500,
    said("The server had an error while processing your request.", "server_error"),
)
case("server_500_newapi", "server_error", 500, oneapi("upstream error: do request failed", "do_request_failed"))
case("server_500_without_body", "server_error", 500)
case(
    "server_502_html",
    "server_error",
    502,
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n</html>\r\n",
)
case("server_503", "server_error", 503, said("Service Unavailable", "server_error"))
OVERLOADED = said("The server is currently overloaded.", "server_error", "server_is_overloaded")
case("server_503_overloaded", "server_error", 503, OVERLOADED, (("Retry-After", "2"),), retry_after_s=2.0)
case("server_529", "server_error", 529, said("Overloaded", "overloaded_error"))
for status in (520, 521, 523, 525, 526, 527, 530):
    case(
        f"server_{status}",
        "server_error",
        status,
        f"<!DOCTYPE html><html><title>test | {status}</title></html>",
    )
case("slow_504_json", "gateway_timeout", 504, said("upstream request timeout", "server_error", 504))
for status in (504, 522, 524):
    case(
        f"slow_{status}_html",
        "gateway_timeout",
        status,
        f"<!DOCTYPE html><html><title>test | {status}</title></html>",
    )

# Other shapes of an error body
case("shape_string", "server_error", 500, {"error": "something went wrong"})
case("shape_msg", "server_error", 500, {"code": 500, "msg": "无法连接上游", "data": None})
case("shape_errmsg", "server_error", 500, {"errcode": -1, "errmsg": "system busy"})
case("shape_detail", "server_error", 500, {"detail": "Internal Server Error"})
case("shape_list", "server_error", 500, '[{"error":{"code":500,"message":"Internal","status":"INTERNAL"}}]')
case("shape_null", "server_error", 500, {"error": None})
STATUSES["shape_garbled"] = StatusCase(
    "shape_garbled", Raw((encode({"error": 1})[:-3] + b"\xff",), 500, JSON, "length"), "server_error"
)
