//! The wake-up queue on RabbitMQ.
